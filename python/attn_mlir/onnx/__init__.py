# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention of ONNX models: found, written as attn ops, and taken out so that compiled kernels can stand in.

    layers = find_attention(model)
    split = SplitModel(model, layers)
    outputs = split.run(feeds, attend)    # attend(layer, inputs, out) fills out, for example with a kernel

find_attention is one way to make the list of layers; the rest takes layers from anywhere.
"""

from attn_mlir.onnx._layer import AttentionLayer, MatchError, Operand
from attn_mlir.onnx._match import find_attention
from attn_mlir.onnx._op import AttentionOp, describe_op
from attn_mlir.onnx._split import SplitError, SplitModel, make_session

__all__ = [
    "AttentionLayer",
    "AttentionOp",
    "MatchError",
    "Operand",
    "SplitError",
    "SplitModel",
    "describe_op",
    "find_attention",
    "make_session",
]
