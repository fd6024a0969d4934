# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the examples whose Q, K or V other ops make, each judged by attn-run: one kernel each, several calls.

usage: producers.py FOLDER
"""

import pathlib
import subprocess
import sys


def calls(example, sizes):
    """The options of one call for each of `sizes`, a dictionary of numbers each."""
    return [[option.format(**numbers) for option in example] for numbers in sizes]


ROWS_AND_KEYS = [{"n": 67, "m": 131}, {"n": 1, "m": 64}, {"n": 70, "m": 3}, {"n": 129, "m": 0}]
BHND = ["--shape=q=2x4x{n}x{d}", "--shape=k=2x4x{m}x{d}", "--shape=v=2x4x{m}x{d}"]
ROPE = ["--shape=q=2x4x{n}x{d}", "--shape=k=2x2x{m}x{d}", "--shape=v=2x2x{m}x{d}", "--shape=cos=131x16"]
ROPE += ["--shape=sin=131x16"]
EXAMPLES = {
    "int8-kv": ([*BHND, "--shape=k_scale=2x4x{m}", "--fill=k_scale=0..0.02"], 64),
    "rope": ([*ROPE, "--shape=positions=2x{n}", "--fill=positions=-3..140"], 48),
    "qk-norm": ([*BHND, "--shape=q_rms=2x4x{n}", "--shape=k_rms=2x4x{m}", "--strides=guarded"], 64),
}
PAGED = ["--shape=k_pages=9x2x16x64", "--shape=v_pages=9x2x16x64", "--fill=table=0..8"]
PAGED_CALLS = [
    [*PAGED, "--shape=q=3x2x4x64", "--shape=table=3x7", "--shape=lengths=3", "--fill=lengths=0..112", "--threads=2"],
    [*PAGED, "--shape=q=1x2x4x64", "--shape=table=1x1", "--shape=lengths=1", "--fill=lengths=1"],
    [*PAGED, "--shape=q=2x2x4x64", "--shape=table=2x0", "--shape=lengths=2", "--fill=lengths=0"],
    # What stands behind the end of a sequence reaches nothing.
    [*PAGED, "--shape=q=1x2x4x64", "--shape=table=1x2", "--shape=lengths=1", "--fill=lengths=19", "--fill=table=4@0,1"]
    + ["--fill=table=3@0,0", "--fill=k_pages=nan@4,:,3:", "--fill=v_pages=nan@4,:,3:"],
]


def main():
    folder, failed, total = pathlib.Path(sys.argv[1]), 0, 0
    work = {name: calls(example, [s | {"d": d} for s in ROWS_AND_KEYS]) for name, (example, d) in EXAMPLES.items()}
    for name, (first, *others) in (work | {"paged-kv": PAGED_CALLS}).items():
        more = [f"--call={' '.join(options)}" for options in others]
        command = ["attn-run", folder / f"{name}.mlir", "--compare", *first, *more]
        result = subprocess.run(command, capture_output=True, text=True)
        total += result.stdout.count(" ok: ")
        if result.returncode:
            failed += 1
            print(*command, result.stdout, result.stderr, sep="\n")
    print(f"{total} calls right, {failed} kernels failed")
    sys.exit(failed > 0)


main()
