# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From MLIR to kernels: parse, compile, load."""

import json
import os
import pathlib
from collections.abc import Sequence

from attn_mlir import _core
from attn_mlir._core import Kernel, Module

STAGES = ("import", "normalize", "plan", "tile", "linalg", "target", "llvm", "asm")


def parse(text_or_path: str | os.PathLike[str], *, file: str | None = None, stage: str = "import") -> Module:
    """Parses and verifies MLIR.

    A path object and a string that ends in ".mlir" name a file; any other string is the text itself, for which
    `file` is its name in messages. stage: the one that left the module, for text of Module.lower(); what people write
    is at "import".

    Raises CompileError where the text is wrong, OSError where there is no such file, ValueError for an unknown stage.
    """
    if isinstance(text_or_path, os.PathLike) or text_or_path.endswith(".mlir"):
        path = os.fspath(text_or_path)
        return _core.parse(pathlib.Path(path).read_text(), file or path, stage)
    return _core.parse(text_or_path, file or "<text>", stage)


def run_pipeline(module: Module, pipeline: str, *, cpu: str = "native") -> Module:
    """A new module: `module` after stages or passes.

    pipeline: the name of a stage, up to and with which all stages run that follow the module's own; or passes of ours
    and of MLIR, as attn-opt --pass-pipeline takes them, which leave the module at its stage:

    run_pipeline(module, "tile")
    run_pipeline(module, "builtin.module(func.func(attn-normalize),canonicalize)")

    cpu: what the stages decide for; passes take it from their own options.

    Raises CompileError for a pipeline that does not parse and where a stage or pass fails, ValueError for a stage
    before the module's own and for an unknown processor.
    """
    if pipeline in STAGES[:-2]:
        return _core.run_stages(module, pipeline, cpu)
    if pipeline in STAGES:
        raise ValueError(f"stage: {pipeline!r} is no MLIR: expects module.lower({pipeline!r}), which gives its text")
    return _core.run_pipeline(module, pipeline)


class Library:
    """Compiled kernels, by name in `kernels`.

    `path` is the shared library they were written to or read from, or None; `header` the text of their C header, None
    for a library that was loaded.
    """

    def __init__(self, kernels: list[Kernel], path: pathlib.Path | None = None, header: str | None = None):
        self.kernels: dict[str, Kernel] = {kernel.name: kernel for kernel in kernels}
        self.path = path
        self.header = header

    @property
    def kernel(self) -> Kernel:
        """The kernel of a library that has only one; raises ValueError for others."""
        if len(self.kernels) != 1:
            raise ValueError(f"expects a library of one kernel, got {', '.join(self.kernels)}: use kernels[name]")
        return next(iter(self.kernels.values()))

    @property
    def cpu(self) -> str:
        """The processor that the kernels are for: of several, the one whose code runs here."""
        return next(iter(self.kernels.values())).cpu

    def __getitem__(self, name: str) -> Kernel:
        """The kernel of that name; raises KeyError where there is none."""
        return self.kernels[name]

    def __repr__(self) -> str:
        return f"<Library of {', '.join(self.kernels)} for {self.cpu}>"


def compile(
    module_or_text: Module | str | os.PathLike[str],
    *,
    cpu: str | Sequence[str] = "native",
    opt_level: int = 3,
    out_dir: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> Library:
    """Compiles the functions of a module, or of what parse() takes, to kernels in memory.

    cpu: "native" or a processor as attn-compile --cpu takes it; of a list, each call takes the last that the machine
    can run. Kernels for a processor that this machine is not can be written but not called.
    opt_level: of LLVM, 0 to 3.
    out_dir: also write NAME.so, NAME.h (the C header) and NAME.json (its kernels' descriptions) there; `name` is that
    of the only kernel, or "kernels", unless given.

    Raises CompileError where the compiler refuses, ValueError for an unknown processor or level, OSError where files
    cannot be written, RuntimeError where there is no linker for the shared library.
    """
    if opt_level not in range(4):
        raise ValueError(f"opt_level: expects 0, 1, 2 or 3, got {opt_level!r}")
    module = module_or_text if isinstance(module_or_text, Module) else parse(module_or_text)
    cpus = [cpu] if isinstance(cpu, str) else list(cpu)
    kernels, code, header, descriptions = _core.compile(module, cpus, opt_level)
    if out_dir is None:
        return Library(kernels, header=header)
    if name is None:
        name = kernels[0].name if len(kernels) == 1 else "kernels"
    folder = pathlib.Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.so"
    _core.link(code, os.fspath(path))
    path.with_suffix(".h").write_text(header)
    described = [json.loads(description) for description in descriptions]
    path.with_suffix(".json").write_text(json.dumps({"kernels": described}, indent=2) + "\n")
    return Library(kernels, path, header)


def load(path: str | os.PathLike[str]) -> Library:
    """The kernels of a shared library that compile() or attn-compile --emit=shared wrote.

    Outputs whose shapes the library does not fix have to be handed in. Raises OSError where there is no such file,
    ValueError where it holds no kernels or those of another version.
    """
    path = pathlib.Path(path)
    with path.open("rb"):  # the system's own message where it cannot be read
        pass
    return Library(_core.load(os.fspath(path)), path)
