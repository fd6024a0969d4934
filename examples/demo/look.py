# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which words one word looks at: the weights that the kernels return, judged by the model's own Softmax."""

import dataclasses

import numpy
from attn_mlir.onnx import describe_op
from budget import Rows
from compare import compare
from errors import DemoError
from model import run_with_taps


@dataclasses.dataclass
class Look:
    word: str
    tokens: list[str]
    weights: numpy.ndarray  # [layers, heads, tokens], of the word's row
    difference: float  # the largest from the model's Softmax, all rows of all layers
    budget: float  # at that weight
    worst: float  # of difference / budget

    def strongest(self, count):
        """(layer, head, token, weight) of the largest weights on other words; marks of begin and end are no words."""
        weights = self.weights.copy()
        for i, token in enumerate(self.tokens):
            if token.startswith("[") or not token.isalnum() or token == self.word:
                weights[..., i] = 0
        order = weights.ravel().argsort(kind="stable")[::-1][:count]
        places = zip(*numpy.unravel_index(order, weights.shape), strict=True)
        found = [(layer, head, self.tokens[i], weights[layer, head, i]) for layer, head, i in places]
        return [entry for entry in found if entry[3] > 0]


def look(model, layers, feeds, words, word, kernels):
    """The Look of a word in the first sentence; None if it does not stand there."""
    kept = feeds["attention_mask"][0] == 1
    ids = feeds["input_ids"][0][kept]
    tokens = [words.text(ids[i : i + 1]).strip() for i in range(len(ids))]
    if word not in tokens:
        return None
    tensors = dict.fromkeys(name for layer in layers for name in [*layer.inputs(), layer.weights])
    values, rows, compared = run_with_taps(model, feeds, list(tensors)), [], []
    for layer in layers:
        weights, allowed = compute_weights(layer, layer.views(values), kernels)
        compared.append(compare(weights, values[layer.weights], allowed))
        rows.append(weights[0, :, tokens.index(word)][:, kept])
    if len({row.shape for row in rows}) != 1:
        raise DemoError("layers with different numbers of heads cannot be drawn in one picture")
    return Look(word, tokens, numpy.stack(rows), *max(compared, key=lambda entry: entry[2]))


def compute_weights(layer, views, kernels):
    """(weights that the kernel of a layer returns, how far they may be from the model's), both [B, H, N, M]."""
    op = describe_op(layer, views, weights=True)
    out, weights = (numpy.full(shape, numpy.nan, numpy.float32) for _, shape in op.results())
    kernel = kernels.get(op)
    kernel.write_caller(views, out, weights)
    kernel.prepare(views, out, weights)()
    bias = views[3] if layer.bias is not None else None
    return weights, 2 * Rows(*views[:3], bias, layer.scale).weights_tolerance()
