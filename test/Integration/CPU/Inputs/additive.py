# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs additive attention on awkward shapes and values, each judged by attn-run.

usage: additive.py FILE

tanh is made of exponentials of q and of k, which has to hold where they are large, small, opposite or not numbers.
Prints the command of every case that failed.
"""

import sys

from judge import finish, judge

# Query rows, keys, options. Rows from 21.4 on leave the exponentials for tanh itself.
SHAPES = [
    (1, 1, ["--strides=guarded"]),
    (67, 131, ["--strides=guarded"]),
    (129, 50, ["--threads=2", "--strides=permuted"]),
    (3, 0, []),
]
VALUES = [
    (70, 70, ["--fill=q=20.0", "--fill=k=-20.5..-19.5"]),
    (70, 70, ["--fill=q=-21.3..21.3", "--fill=k=-21.3..21.3"]),
    (70, 70, ["--fill=q=-60..60", "--fill=k=-60..60"]),
    (70, 70, ["--fill=k=1e30@1,:,0", "--fill=q=-1e30@0,1", "--fill=k=-inf@0,3", "--fill=q=nan@1,5"]),
    (70, 70, ["--fill=q=-1e-3..1e-3", "--fill=k=-1e-3..1e-3", "--fill=w=-9..9"]),
]
# Without AVX-512 exponentials and reciprocals are made in another way.
CASES = [("native", *case) for case in SHAPES + VALUES] + [("x86-64-v3", *case) for case in VALUES]


def main():
    failed = 0
    for cpu, rows, keys, options in CASES:
        shapes = [
            f"--shape={name}=2x{size}"
            for name, size in [("q", f"{rows}x40"), ("k", f"{keys}x40"), ("v", f"{keys}x24"), ("keep", f"1x{keys}")]
        ]
        command = ["attn-run", sys.argv[1], "--compare", f"--cpu={cpu}", *shapes, *options]
        if keys > 1:
            command.append(f"--fill=keep=0@0,0,{keys - 1}")
        failed += judge(command)
    finish(len(CASES), failed)


main()
