# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the examples of normalizers on awkward shapes and values, each judged by attn-run.

usage: normalizers.py FOLDER

Prints the command of every case that failed.
"""

import pathlib
import sys

from judge import finish, judge

EXAMPLES = ["sink", "sink-bf16", "sigmoid", "sigmoid-bf16", "linear", "linear-bf16", "row-statistics"]
# Query rows, keys, and what is special about the numbers. The last key is masked for all rows but the last, so
# its V must reach no other.
CASES = [
    (67, 131, ["--strides=guarded"]),
    (129, 67, ["--threads=2", "--strides=padded", "--fill=v=nan@0,:,66"]),
    (70, 140, ["--fill=k=nan@0,0,100,0", "--fill=q=-inf@0,1", "--fill=v=inf@0,2,139", "--fill=k=1e30@0,3,:,0"]),
]


def main():
    failed = 0
    for name in EXAMPLES:
        file = str(pathlib.Path(sys.argv[1]) / f"{name}.mlir")
        for rows, keys, options in CASES:
            shapes = [f"--shape=q=2x4x{rows}x64", f"--shape=k=2x4x{keys}x64", f"--shape=v=2x4x{keys}x48"]
            command = ["attn-run", file, "--compare", *shapes, *options]
            if name.startswith("sink"):
                command += ["--fill=sink=-2..2", "--fill=sink=90@1", "--fill=sink=-inf@2"]
            failed += judge(command)
    finish(len(EXAMPLES) * len(CASES), failed)


main()
