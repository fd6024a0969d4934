# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small ONNX graphs with attention written in the ways exporters do, and in ways the demo does not know."""

import numpy
import onnx
from onnx import TensorProto, helper

# All different, so that a swapped dimension cannot hide.
SIZES = {"B": 2, "H": 3, "N": 5, "M": 7, "D": 8, "Dv": 4}


def make_values(seed, *letters):
    shape = [SIZES.get(letter, 1) for letter in letters]
    return numpy.random.default_rng(seed).standard_normal(shape, numpy.float32)


def make_feeds():
    """As a projection leaves them, [B, rows, H, columns]; the last two keys of the second batch are masked."""
    mask = numpy.zeros((SIZES["B"], 1, 1, SIZES["M"]), numpy.float32)
    mask[1, :, :, -2:] = numpy.finfo(numpy.float32).min
    return {
        "q": make_values(1, "B", "N", "H", "D"),
        "k": make_values(2, "B", "M", "H", "D"),
        "v": make_values(3, "B", "M", "H", "Dv"),
        "mask": mask,
    }


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs.split(), [output], name=f"the_{output}", **attributes)


PROJECTIONS = [
    node("Transpose", "q", "qh", perm=[0, 2, 1, 3]),
    node("Transpose", "k", "kt", perm=[0, 2, 3, 1]),
    node("Transpose", "v", "vh", perm=[0, 2, 1, 3]),
]


def make_model(steps, before=PROJECTIONS, last="y", opset=17):
    """A model of `before`, then `steps`, with the inputs of make_feeds() and numbers called root, eighth and pair."""
    shapes = {name: array.shape for name, array in make_feeds().items()}
    graph = helper.make_graph(
        [*before, *steps],
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        [
            helper.make_tensor("root", TensorProto.FLOAT, [], [2.75]),
            helper.make_tensor("eighth", TensorProto.FLOAT, [1], [0.125]),
            helper.make_tensor("pair", TensorProto.FLOAT, [2, 1, 1, 1], [0.5, 0.25]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


SCORES = node("MatMul", "qh kt", "scores")
WEIGHTS = node("Softmax", "masked", "weights", axis=-1)
MIX = node("MatMul", "weights vh", "mixed")
BACK = node("Transpose", "mixed", "y", perm=[0, 2, 1, 3])

RECOGNISED = {
    "div_then_mask": make_model(
        [SCORES, node("Div", "scores root", "scaled"), node("Add", "scaled mask", "masked"), WEIGHTS, MIX, BACK]
    ),
    "mask_first_operand_and_mul": make_model(
        [SCORES, node("Mul", "eighth scores", "scaled"), node("Add", "mask scaled", "masked"), WEIGHTS, MIX, BACK]
    ),
    "no_mask": make_model(
        [SCORES, node("Mul", "scores eighth", "scaled"), node("Softmax", "scaled", "weights", axis=3), MIX, BACK]
    ),
    "no_scale": make_model([SCORES, node("Add", "scores mask", "masked"), WEIGHTS, MIX, BACK]),
    "keys_transposed_twice": make_model(
        [SCORES, node("Div", "scores root", "scaled"), node("Add", "scaled mask", "masked"), WEIGHTS, MIX, BACK],
        [
            PROJECTIONS[0],
            node("Transpose", "k", "kh", perm=[0, 2, 1, 3]),
            node("Transpose", "kh", "kt", perm=[0, 1, 3, 2]),
            PROJECTIONS[2],
        ],
    ),
    "result_stays_in_heads": make_model(
        [SCORES, node("Div", "scores root", "scaled"), node("Add", "scaled mask", "masked"), WEIGHTS, MIX], last="mixed"
    ),
    "mask_is_a_weight": make_model(
        [SCORES, node("Mul", "scores eighth", "scaled"), node("Add", "scaled pair", "masked"), WEIGHTS, MIX, BACK]
    ),
}

# Each with what the message must say, the node's name first.
REFUSED = {
    "mask_before_scale": (
        make_model(
            [SCORES, node("Add", "scores mask", "added"), node("Mul", "added eighth", "masked"), WEIGHTS, MIX, BACK]
        ),
        "Add 'the_added' adds before the scale",
    ),
    "two_masks": (
        make_model(
            [SCORES, node("Add", "scores mask", "added"), node("Add", "added mask", "masked"), WEIGHTS, MIX, BACK]
        ),
        "Add 'the_added' adds before the scale, or once more",
    ),
    "scale_by_two_numbers": (
        make_model([SCORES, node("Mul", "scores pair", "masked"), WEIGHTS, MIX, BACK]),
        "Mul 'the_masked' stands between it and MatMul (expected Mul or Div by one constant, or Add)",
    ),
    "soft_capped_scores": (
        make_model([SCORES, node("Tanh", "scores", "masked"), WEIGHTS, MIX, BACK]),
        "Tanh 'the_masked' stands between it and MatMul",
    ),
    "softmax_over_rows": (
        make_model([SCORES, node("Softmax", "scores", "weights", axis=2), MIX, BACK]),
        "its axis is 2 (expected -1 or 3, the keys)",
    ),
    "softmax_of_an_old_opset": (
        make_model([SCORES, node("Softmax", "scores", "weights"), MIX, BACK], opset=12),
        "its axis is 1 (expected -1 or 3, the keys)",
    ),
    "weights_are_read_twice": (
        make_model(
            [SCORES, node("Softmax", "scores", "weights"), MIX, node("Identity", "weights", "copy"), BACK],
        ),
        "its weights go to MatMul 'the_mixed' and Identity 'the_copy' (expected one MatMul",
    ),
    "safe_softmax": (
        make_model(
            [
                SCORES,
                node("Softmax", "scores", "raw"),
                node("IsNaN", "raw", "lost"),
                node("Where", "lost mask raw", "weights"),
                MIX,
                BACK,
            ]
        ),
        "its weights go to IsNaN 'the_lost' and Where 'the_weights'",
    ),
    "scores_from_an_input": (
        make_model([node("Softmax", "mask", "weights"), MIX, BACK]),
        "its scores 'mask' are not made by a MatMul",
    ),
    "keys_stored_depth_first": (
        make_model(
            [node("MatMul", "qh k", "scores"), node("Softmax", "scores", "weights"), MIX, BACK], PROJECTIONS[::2]
        ),
        "'k', the keys of MatMul 'the_scores', is not a transposed tensor with D innermost",
    ),
}

CLASSIFIER = make_model([node("Softmax", "q", "y", axis=-1)], [])
ONE_OP = make_model([node("Attention", "q k v", "y")], [], opset=23)


def save(model, path):
    onnx.save(model, path)
    return path
