# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One layer's attention at a length that the model itself has not learned: time and memory, kernel and onnxruntime.

Times are taken in turns in one process, memory in a fresh process each: long.py SIDE MODEL HEADS D DV ROWS calls once
and prints JSON. MODEL holds the nodes of the layer alone. Inputs are random numbers from one seed, the last eighth of
the keys masked.
"""

import dataclasses
import json
import pathlib
import subprocess
import sys

import package  # noqa: F401  isort: skip  first, as in demo.py

import numpy
from attn_mlir.onnx import describe_op, find_attention
from baseline import Baseline, extract_layer
from budget import Rows
from compare import best_times, compare
from errors import DemoError
from files import write_bytes
from kernel import Kernel
from model import load_model

NAME = "attention_long"
ROUNDS = 5  # enough where a call takes many milliseconds
ROWS_AT_ONCE = 128  # of the float64 scores that the budget is made of


@dataclasses.dataclass
class Long:
    rows: int
    sizes: tuple[int, int, int]  # heads, D, Dv
    us: dict[str, float]  # best time of each side
    growth: dict[
        str, dict
    ]  # {"bytes": by which its first call raises the peak, "bound": whether that is an upper bound}
    difference: float
    budget: float
    worst: float
    kernel: Kernel


def measure_long(model, layer, sizes, rows, rounds, folder):
    """Compiles a kernel for N = M = rows, calls it and the layer's nodes in onnxruntime, and compares."""
    values = make_values(layer, *sizes, rows)
    views, out = layer.views(values), layer.out.view(values[layer.out.tensor])
    kernel = Kernel(describe_op(layer, views), NAME, folder)
    kernel.write_caller(views, out)
    write_bytes(path := folder / f"{NAME}.onnx", extract_layer(model, layer, values).SerializeToString())
    growth = {side: _measure_child(side, path, *sizes, rows) for side in ("kernel", "onnxruntime")}

    call, baseline = kernel.prepare(views, out), Baseline(model, layer, values)
    call()
    baseline.run()
    compared = compare_long(layer, views, out, layer.out.view(baseline.result()))
    us = dict(zip(growth, best_times([call, baseline.run], min(rounds, ROUNDS)), strict=True))
    return Long(rows, sizes, us, growth, *compared, kernel)


def compare_long(layer, views, ours, theirs):
    """What compare() says, over parts of the rows: all scores in float64 at once would need gigabytes."""
    found = []
    for first in range(0, ours.shape[2], ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        bias = views[3] if layer.bias is not None else None
        if bias is not None and bias.shape[2] > 1:
            bias = bias[:, :, rows]
        allowed = 2 * Rows(views[0][:, :, rows], *views[1:3], bias, layer.scale).tolerance()
        found.append(compare(ours[:, :, rows], theirs[:, :, rows], allowed))
    difference, budget, _ = max(found)
    return difference, budget, max(entry[2] for entry in found)


def _measure_child(side, path, *arguments):
    command = [sys.executable, __file__, side, str(path), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise DemoError(f"the process that measures {side} at N = {arguments[3]} failed: {said[-1]}")
    return json.loads(done.stdout)


def make_values(layer, heads, depth, value_depth, rows):
    """Random inputs of a layer, by tensor, as they lie in the model's memory; its result's tensor is zeros."""
    numbers = numpy.random.default_rng(1)
    values = {}
    for operand, width in ((layer.query, depth), (layer.key, depth), (layer.value, value_depth)):
        shape = operand.shape_of_tensor((1, heads, rows, width))
        values[operand.tensor] = numbers.standard_normal(shape, numpy.float32)
    if layer.bias is not None:
        bias = numpy.zeros((1, 1, 1, rows), numpy.float32)
        bias[..., rows - rows // 8 :] = numpy.finfo(numpy.float32).min
        values[layer.bias] = bias
    # full, not zeros: the pages of the result are there before anybody is measured.
    shape = layer.out.shape_of_tensor((1, heads, rows, value_depth))
    values[layer.out.tensor] = numpy.full(shape, numpy.nan, numpy.float32)
    return values


def _read_status(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(f"{field}:"))


def measure_growth(call):
    """(bytes by which the process's peak rises above what it holds now, whether that is only an upper bound)."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # makes what it holds now the peak: proc(5)
        bound = False
    except OSError:  # a sandbox without it: an earlier peak may hide that of the call
        bound = True
    before = _read_status("VmRSS")
    call()
    return max(0, _read_status("VmHWM") - before), bound


def main():
    side, path, *numbers = sys.argv[1:]
    path = pathlib.Path(path)
    model = load_model(path)
    (layer,) = find_attention(model)
    values = make_values(layer, *map(int, numbers))
    if side == "kernel":
        views, out = layer.views(values), layer.out.view(values[layer.out.tensor])
        call = Kernel(describe_op(layer, views), path.stem, path.parent, compiled=True).prepare(views, out)
    else:
        call = Baseline(model, layer, values).run
    growth, bound = measure_growth(call)
    print(json.dumps({"bytes": growth, "bound": bound}))


if __name__ == "__main__":
    main()
