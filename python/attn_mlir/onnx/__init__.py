# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention of ONNX models: found, written as attn ops, and taken out so that compiled kernels can stand in.

    layers = find_attention(model)
    split = SplitModel(model, layers)
    outputs = split.run(feeds, attend)    # attend(layer, inputs, out) fills out, for example with a kernel

find_attention is one way to make the list of layers; the rest takes layers from anywhere. examine_attention says of
every place where attention could be which nodes were matched, or why it is not recognised.
"""

from attn_mlir.onnx._layer import AttentionLayer, MatchError, Operand
from attn_mlir.onnx._match import Finding, examine_attention, find_attention
from attn_mlir.onnx._op import AttentionOp, describe_op
from attn_mlir.onnx._split import SplitError, SplitModel, make_session

__all__ = [
    "AttentionLayer",
    "AttentionOp",
    "Finding",
    "MatchError",
    "Operand",
    "SplitError",
    "SplitModel",
    "describe_op",
    "examine_attention",
    "find_attention",
    "make_session",
]
