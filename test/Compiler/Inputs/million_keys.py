# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles one mask for N = M = 4096 and for 1,000,000 and asserts that nothing but the numbers differs.

usage: million_keys.py FILE.mlir FOLDER      (FILE says SIZE where N and M stand)
"""

import pathlib
import re
import subprocess
import sys

SMALL, LARGE, TILE = 4096, 1_000_000, 64


def compile_for(size, source, folder):
    """What the compiler says at each stage, with N and the number of row tiles written as letters."""
    file = folder / "window.mlir"
    file.write_text(source.replace("SIZE", str(size)))

    def compiled(*options):
        command = ["attn-compile", str(file), "--cpu=x86-64-v3", *options]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return re.sub(rf"( in \(.*), {size // TILE}\)", r"\1, TILES)", text.replace(str(size), "SIZE"))

    texts = {stage: compiled(f"--stop-after={stage}") for stage in ["plan", "tile", "linalg", "target"]}
    # What follows is a picture for these sizes.
    texts["mask"] = re.split(r"N = SIZE", compiled("--explain=mask"))[0].removesuffix("no picture for ")
    compiled("-o", str(folder / "window.o"), f"--header={folder / 'window.h'}")
    texts["workspace"] = re.search(r"Scratch: \d+ bytes a worker", (folder / "window.h").read_text())[0]
    return texts


def find_large_types(text):
    return set(re.findall(r"(?:tensor|memref)<([0-9x?]*SIZE[0-9x?SIZE]*)xf32", text))


def main():
    source, folder = pathlib.Path(sys.argv[1]).read_text(), pathlib.Path(sys.argv[2])
    small, large = (compile_for(size, source, folder) for size in (SMALL, LARGE))
    for what in ["plan", "tile", "linalg", "mask", "workspace"]:
        assert small[what] == large[what], f"{what} differs:\n{small[what]}\n{large[what]}"
    assert small["tile"].count("scf.for ") >= 3, "expects key loops with mask, without and with mask"

    # Of size N or M there are the arguments and their reshapes, and nothing else: no mask, no table of tiles.
    for stage in ["plan", "tile", "linalg"]:
        types = find_large_types(large[stage])
        assert types, f"stage {stage}: expects types with N"
        assert types <= {"1x8xSIZEx64", "1x2xSIZEx64", "1x2x4xSIZEx64"}, f"stage {stage}: {types}"

    # As llvm the order of constants depends on their values; what is computed does not.
    small_ops, large_ops = (
        [op for op in re.findall(r"\bllvm\.[\w.]+", text["target"]) if op != "llvm.mlir.constant"]
        for text in (small, large)
    )
    assert small_ops == large_ops, "stage target differs"
    print(f"{len(large_ops)} ops, {large['workspace']}")


main()
