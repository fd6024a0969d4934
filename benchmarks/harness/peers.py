# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Who takes part, in which Python each lives, and how the others are installed."""

import dataclasses
import functools
import pathlib
import subprocess
import sys
import tempfile

from harness import Problem

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
#: zentorch wants an older torch than the newest: an environment of its own.
VENV, ZENTORCH_VENV = BUILD / "peers", BUILD / "peers-zentorch"
#: Where ggml's libraries are, built from the source in this Python package: there is no package of ggml alone.
GGML, LLAMA_CPP_PYTHON = BUILD / "peers-ggml/lib", "0.3.36"
HINT = "./dev bench --install-peers"


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    module: str  # ours, in harness/contenders
    needs: str  # the library's import name, or a file below build/; empty: nothing
    path: tuple[str, ...] = ()  # where else to look for modules: tests put a contender of theirs here
    set: str = "default"  # of --install-peers

    @functools.cached_property
    def python(self):
        """The interpreter that has it, or None: this one, or one below build/."""
        if "/" in self.needs:
            return sys.executable if (BUILD / self.needs).exists() else None
        for python in (sys.executable, *(str(venv / "bin/python") for venv in (VENV, ZENTORCH_VENV))):
            if not self.needs:
                return python
            check = f"import importlib.util as u, sys; sys.exit(not u.find_spec({self.needs!r}))"
            if pathlib.Path(python).exists() and subprocess.run([python, "-c", check]).returncode == 0:
                return python
        return None

    @property
    def install_hint(self):
        return HINT + ("" if self.set == "default" else f"={self.set}")


OURS = Peer("attn-mlir", "harness.contenders.attn", "")
PEERS = [
    Peer("onnxruntime", "harness.contenders.ort", "onnxruntime"),
    Peer("openvino", "harness.contenders.openvino_cpu", "openvino"),
    Peer("torch", "harness.contenders.torch_cpu", "torch", set="torch"),
    Peer("flex_attention", "harness.contenders.flex_attention", "torch", set="torch"),
    Peer("onednn", "harness.contenders.onednn_graph", "torch", set="torch"),
    Peer("zentorch", "harness.contenders.zentorch_cpu", "zentorch", set="zentorch"),
    Peer("iree", "harness.contenders.iree_cpu", "iree"),
    Peer("jax", "harness.contenders.jax_cpu", "jax"),
    Peer("ggml", "harness.contenders.ggml_cpu", "peers-ggml/lib/libggml-cpu.so", set="ggml"),
]


def choose(names):
    """Peers by name; all of them without names, none for the word none."""
    if names == ["none"]:
        return []
    known = {peer.name: peer for peer in PEERS}
    for name in names:
        if name not in known:
            raise Problem(f"--peers: unknown '{name}' (expected none, {', '.join(known)})")
    return [known[name] for name in names] or PEERS


def install_packages(venv, file):
    """Pinned packages in an environment of their own."""
    if not (venv / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    command = [venv / "bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    if subprocess.run([*command, "-r", ROOT / "benchmarks" / file]).returncode:
        raise Problem(f"pip could not install benchmarks/{file}: see its message above")
    print(f"installed benchmarks/{file} in {venv.relative_to(ROOT)}")


def install_ggml():
    """Builds ggml for this processor. Its source comes without the files that only its installation needs."""
    package = f"llama-cpp-python=={LLAMA_CPP_PYTHON}"
    with tempfile.TemporaryDirectory(prefix="attn-ggml-") as name:
        folder = pathlib.Path(name)
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--no-deps"]
        command += ["--no-binary", "llama-cpp-python", "--dest", folder, package]
        if subprocess.run(command).returncode:
            raise Problem(f"pip could not fetch the source of {package}: see its message above")
        subprocess.run(["tar", "-xzf", next(folder.glob("*.tar.gz")), "-C", folder], check=True)
        source = next(folder.glob("*/vendor/llama.cpp/ggml"))
        (source / "ggml.pc.in").touch()
        out = f"-DCMAKE_LIBRARY_OUTPUT_DIRECTORY={GGML}"
        options = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_BUILD_TESTS=OFF", "-DGGML_BUILD_EXAMPLES=OFF", out]
        for step in (["cmake", "-S", source, "-B", folder / "build", *options], ["cmake", "--build", folder / "build"]):
            made = subprocess.run(step, capture_output=True, text=True)
            if made.returncode:
                raise Problem(f"cmake could not build ggml of {package}:\n{(made.stdout + made.stderr)[-2000:]}")
    print(f"built ggml of {package} in {GGML.relative_to(ROOT)}")


SETS = {
    "default": lambda: install_packages(VENV, "requirements-peers.txt"),
    "torch": lambda: install_packages(VENV, "requirements-peers-torch.txt"),
    "zentorch": lambda: install_packages(ZENTORCH_VENV, "requirements-peers-zentorch.txt"),
    "ggml": install_ggml,
}


def install(what):
    """One set of peers, or all: `default` leaves out what brings gigabytes of CUDA or has to be built."""
    if what != "all" and what not in SETS:
        raise Problem(f"--install-peers: unknown '{what}' (expected {', '.join(SETS)} or all)")
    for name in SETS if what == "all" else [what]:
        SETS[name]()
