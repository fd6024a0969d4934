# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The whole model, its attention computed by compiled kernels and everything else by onnxruntime."""

import numpy
from attn_mlir.onnx import describe_op
from kernel import Kernel

# Of the largest value of an output: 256 roundings of f32 (2^-24) between two computations of the whole model. There is
# no worst case to derive, for the rest of the network passes on what its attention differs by; a forgotten mask or
# a scale that is 1 % off moves results by a hundred times as much (python/tests/test_demo.py).
BUDGET = 256 * 2.0**-24


class Kernels:
    """Compiles every distinct op once, into files of a folder."""

    def __init__(self, folder):
        self._folder, self._kernels = folder, {}

    def get(self, op):
        if op not in self._kernels:
            name = f"attention_{len(self._kernels)}" + ("_weights" if op.weights else "")
            self._kernels[op] = Kernel(op, name, self._folder)
        return self._kernels[op]

    def all(self):
        return list(self._kernels.values())

    def attend(self, layer, views, out):
        """What SplitModel.run() wants. NaN first, so that a forgotten element cannot pass for a result."""
        out.fill(numpy.nan)
        self.get(describe_op(layer, views)).prepare(views, out)()


def pool(hidden, mask):
    """The sentence embedding: the mean of the hidden states of words, [sentences, width]."""
    kept = mask[..., None].astype(numpy.float64)
    return (hidden * kept).sum(1) / kept.sum(1)


def find_hidden(outputs):
    """The output that holds hidden states, [sentences, tokens, width], by name; None if it is not one."""
    found = [name for name, array in outputs.items() if array.ndim == 3 and array.dtype == numpy.float32]
    return found[0] if len(found) == 1 else None


def largest_difference(got, expected):
    """(largest difference, what it may be)."""
    difference = abs(got.astype(numpy.float64) - expected)
    worst = numpy.inf if numpy.isnan(difference).any() else difference.max()
    return worst, BUDGET * abs(expected).max()


def compare_outputs(ours, theirs, mask):
    """(what, difference, budget) of each float output, hidden states and embedding by their names."""
    hidden = find_hidden(theirs)
    rows = []
    for name, expected in theirs.items():
        if name == hidden:
            rows.append(("hidden states", *largest_difference(ours[name], expected)))
            embeddings = pool(ours[name], mask), pool(expected, mask)
            rows.append(("sentence embedding (mean of words)", *largest_difference(*embeddings)))
        elif expected.dtype == numpy.float32:
            rows.append((f"output '{name}'", *largest_difference(ours[name], expected)))
    return rows


def run_both(model, split, feeds, kernels, session):
    """(our outputs, onnxruntime's), by name."""
    names = [output.name for output in model.graph.output]
    return split.run(feeds, kernels.attend), dict(zip(names, session.run(names, feeds), strict=True))


def padding_difference(session, ours, feeds):
    """How far a padded sentence lies from the same sentence alone in onnxruntime: (difference, budget), or None."""
    hidden, mask = find_hidden(ours), feeds["attention_mask"]
    short = [i for i, row in enumerate(mask) if 0 in row]
    if hidden is None or not short:
        return None
    results = []
    for i in short:
        length = mask[i].sum()
        alone = session.run([hidden], {name: array[i : i + 1, :length] for name, array in feeds.items()})[0]
        results.append(largest_difference(ours[hidden][i : i + 1, :length], alone))
    return max(results)
