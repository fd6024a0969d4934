# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the Python package costs beside the work: its import, and a call of a kernel that has next to nothing to do.

Usage: PYTHONPATH=build/dev/python .venv/bin/python benchmarks/python_overhead.py

The kernel attends one query row to one key of 8 numbers, about 0.1 us of work. Each figure is the best of several
rounds, so that other load on the machine has little part in it.
"""

import subprocess
import sys
import timeit

import attn_mlir
import numpy as np

# The project asks for an import below 0.5 s and a call below 10 us.
IMPORT = "import time, numpy; start = time.perf_counter(); import attn_mlir; print(time.perf_counter() - start)"
TYPE = "tensor<1x1x1x8xf32>"
TEXT = f"""func.func @tiny(%q: {TYPE}, %k: {TYPE}, %v: {TYPE}) -> {TYPE} {{
  %o = attn.sdpa %q, %k, %v : ({TYPE}, {TYPE}, {TYPE}) -> {TYPE}
  return %o : {TYPE}
}}"""


def time_call(function, calls=2000, rounds=20):
    """Microseconds."""
    return min(timeit.repeat(function, number=calls, repeat=rounds)) / calls * 1e6


def main():
    imports = [float(subprocess.check_output([sys.executable, "-c", IMPORT], text=True)) for _ in range(5)]
    print(f"import attn_mlir, after numpy   {min(imports):6.3f} s")
    kernel = attn_mlir.compile(TEXT).kernel
    q, k, v = (np.ones((1, 1, 1, 8), np.float32) for _ in range(3))
    out = kernel(q, k, v)
    for name, function in (
        ("kernel(q, k, v, out=out)", lambda: kernel(q, k, v, out=out)),
        ("kernel(q, k, v)", lambda: kernel(q, k, v)),
        ("attn_mlir.sdpa(q, k, v)", lambda: attn_mlir.sdpa(q, k, v)),
    ):
        print(f"{name:<31} {time_call(function):6.1f} us")


main()
