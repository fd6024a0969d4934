# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Working memory: the peak of a fresh process that calls a kernel once, less its tensors, less the same at 64 rows."""

import json
import subprocess
import sys

from harness import Problem, abi, kernels, report, workloads

ASKED_BYTES = 4 << 20
SMALL, LARGE = 64, 32768


def make_workload(rows):
    return workloads.make_workload(
        {"name": f"memory-{rows}", "family": "memory", "B": 1, "H": 1, "N": rows, "D": 64, "layout": "bnhd"}
    )


def run_child(library, rows):
    """In the fresh process: prints the bytes of its peak and of its tensors."""
    import numpy as np

    tensors = [np.full((1, rows, 1, 64), 0.5, np.float32) for _ in range(4)]  # full: every page is touched
    kernel = abi.Kernel(library)
    run = kernel.bind(tensors)
    run()
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))
    wrong = float(np.abs(tensors[3] - 0.5).max())  # equal rows of V: their mean is each of them
    print(json.dumps({"peak": peak, "tensors": sum(t.nbytes for t in tensors), "wrong": wrong}))


def measure_child(library, rows):
    code = f"from harness import memory; memory.run_child({str(library)!r}, {rows})"
    folder = str(workloads.FILE.parent)
    result = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    if result.returncode:
        raise Problem(f"--memory: the measured process failed: {result.stderr.strip().splitlines()[-1]}")
    return json.loads(result.stdout)


def measure_growth():
    """Bytes that 32,768 rows and keys take more than 64, tensors apart, with both measurements."""
    ((_, source),) = kernels.forms(make_workload(LARGE))
    library, _ = kernels.compile_text("memory", source)
    small, large = measure_child(library, SMALL), measure_child(library, LARGE)
    if max(small["wrong"], large["wrong"]) > 1e-4:
        raise Problem("--memory: the kernel computed something else than the mean of V")
    growth = (large["peak"] - large["tensors"]) - (small["peak"] - small["tensors"])
    return growth, small, large


def measure(options):
    """Prints asked and measured; the result is what --json writes."""
    result = report.describe_run(options)
    growth, small, large = measure_growth()
    result["memory"] = {"growth": growth, "small": small, "large": large, "asked": ASKED_BYTES}
    print(
        f"N = M = {LARGE}, one head, D = 64, f32: peak {large['peak'] / 2**20:.1f} MB, tensors "
        f"{large['tensors'] / 2**20:.1f} MB; N = M = {SMALL}: peak {small['peak'] / 2**20:.1f} MB"
    )
    print(
        f"asked <= {ASKED_BYTES / 2**20:g} MB beyond the tensors: {growth / 2**20:.2f} MB: "
        f"{report.verdict(growth <= ASKED_BYTES)}"
    )
    return result
