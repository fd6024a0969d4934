# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What benchmarks/bench.py is made of: workloads, kernels, the judge, workers, rounds and reports."""


class Unsupported(Exception):
    """A contender lacks a feature that a workload needs; the text says which."""


class Problem(Exception):
    """Something the person at the keyboard can put right; the text says how."""
