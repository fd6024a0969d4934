# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One attention layer of the model beside the compiled kernel: how far apart they are and how long they take."""

import dataclasses
import time

import numpy
from baseline import Baseline
from budget import Rows
from errors import DemoError


@dataclasses.dataclass
class Row:
    name: str
    query: tuple[int, ...]
    key: tuple[int, ...]
    bias: tuple[int, ...] | None
    difference: float
    budget: float  # at the element of the difference
    worst: float  # of difference / budget
    kernel_us: float
    onnxruntime_us: float
    undetermined: int  # of its B x H x N rows of scores

    def agrees(self):
        return self.worst <= 1  # false for NaN


def compare(got, expected, allowed):
    """(largest difference, budget at that element, largest quotient of the two anywhere)."""
    difference = abs(got.astype(numpy.float64) - expected)
    difference[~numpy.isfinite(difference)] = numpy.inf
    at = numpy.unravel_index(difference.argmax(), difference.shape)
    return difference[at], allowed[at], (difference / allowed).max()


def best_times(functions, rounds):
    """The shortest time of each in microseconds, in turns, so that a disturbance meets all of them."""
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for i, function in enumerate(functions):
            start = time.perf_counter_ns()
            function()
            best[i] = min(best[i], (time.perf_counter_ns() - start) / 1000)
    return best


def check_layer(model, layer, values, kernel, rounds):
    """Calls the kernel of a layer, compares and times it. Returns the Row and the onnxruntime nodes timed beside it."""
    inputs, expected = layer.views(values), layer.out.view(values[layer.out.tensor])
    # NaN, so that an element that the kernel forgets cannot pass for a result.
    out = layer.out.view(numpy.full_like(values[layer.out.tensor], numpy.nan))
    call = kernel.prepare(inputs, out)
    call()
    bias = inputs[3] if layer.bias is not None else None
    budget = Rows(*inputs[:3], bias, layer.scale)
    allowed = 2 * budget.tolerance()
    compared = compare(out, expected, allowed)

    baseline = Baseline(model, layer, values)
    baseline.run()
    if not compare(layer.out.view(baseline.result()), expected, allowed)[2] <= 1:
        raise DemoError(f"the nodes of '{layer.name}' by themselves do not compute what they do in the model")
    times = best_times([call, baseline.run], rounds)
    shape = None if bias is None else bias.shape
    undetermined = int(budget.undetermined().sum())
    return Row(layer.name, inputs[0].shape, inputs[1].shape, shape, *compared, *times, undetermined), baseline.ops
