# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds attention in an ONNX graph whose exporter took it apart into MatMul, scale, mask, Softmax, MatMul.

    scores = MatMul(Q, K^T);  scores = Mul or Div(scores, constant);  scores = Add(scores, mask)
    out    = MatMul(Softmax(scores), V)

Scale and mask may be missing. Transposes around it are looked through, so that Q, K, V and the result are the tensors
as they lie in the model's memory. Nodes inside If, Loop and Scan are not looked at.
"""

import dataclasses

from attn_mlir.onnx._graph import GraphIndex, get_attribute
from attn_mlir.onnx._layer import AttentionLayer, MatchError, Operand


@dataclasses.dataclass
class Finding:
    """A node at which attention was looked for, and what came of it: a layer, a reason, or both are None."""

    node: str
    layer: AttentionLayer | None = None
    why_not: str | None = None  # what stands in the way of a layer
    remark: str | None = None  # why nobody takes it for attention
    matched: list[tuple[str, str]] = dataclasses.field(default_factory=list)  # (role, node or tensor)


def find_attention(model):
    """All attention layers of an onnx.ModelProto, in its order. Raises MatchError."""
    findings = examine_attention(model)
    for finding in findings:
        if finding.why_not:
            raise MatchError(f"{finding.node} is not recognised as attention: {finding.why_not}")
    layers = [finding.layer for finding in findings if finding.layer]
    if not layers:
        whole = [finding for finding in findings if finding.remark == ONE_OP]
        what = f"{whole[0].node} {ONE_OP}" if whole else "no Softmax feeds a MatMul"
        softmaxes = sum(node.op_type == "Softmax" for node in model.graph.node)
        raise MatchError(
            f"the graph has no attention written as MatMul, Softmax, MatMul: {what} "
            f"({len(model.graph.node)} nodes, {softmaxes} Softmax)"
        )
    return layers


ONE_OP = "is one op already"
CLASSIFIER = "only leaves the graph: probabilities that weigh nothing, a classifier's"


def examine_attention(model):
    """A Finding for every Softmax and every op that is attention by its name, in the graph's order."""
    index = GraphIndex(model.graph)
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
    findings = []
    for node in model.graph.node:
        if node.op_type == "Softmax":
            findings.append(finding := Finding(_describe(node)))
            if not index.consumers.get(node.output[0]):
                finding.remark = CLASSIFIER
                continue
            try:
                finding.layer = _match(index, opset, node, finding.matched)
            except _Refused as why:
                finding.why_not = str(why)
        elif "Attention" in node.op_type:
            findings.append(Finding(_describe(node), remark=ONE_OP))
    return findings


class _Refused(Exception):
    """Why a Softmax is not recognised."""


def _match(index, opset, softmax, matched):
    """The layer around a Softmax. Appends what it matched on the way; raises _Refused."""
    axis = get_attribute(softmax, "axis", -1 if opset >= 13 else 1)
    if axis not in (-1, 3):
        raise _Refused(f"its axis is {axis} (expected -1 or 3, the keys)")
    matched.append(("weights", _describe(softmax)))
    mixes = index.consumers[softmax.output[0]]
    if len(mixes) != 1 or mixes[0].op_type != "MatMul" or mixes[0].input[0] != softmax.output[0]:
        readers = " and ".join(_describe(node) for node in mixes)
        raise _Refused(f"its weights go to {readers} (expected one MatMul with V, the weights first)")
    matched.append(("out", _describe(mixes[0])))
    scores, bias, scale = _match_scores(index, softmax, matched)
    matched.append(("scores", _describe(scores)))

    query = _trace_back(index, scores.input[0], (0, 1, 2, 3))
    key = _trace_back(index, scores.input[1], (0, 1, 3, 2))
    value = _trace_back(index, mixes[0].input[1], (0, 1, 2, 3))
    if key is None:
        keys = f"'{scores.input[1]}', the keys of {_describe(scores)},"
        raise _Refused(f"{keys} is not a transposed tensor with D innermost")
    out = _trace_forward(index, mixes[0].output[0])
    named = {"Q [B,H,N,D]": query, "K [B,H,M,D]": key, "V [B,H,M,Dv]": value, "result [B,H,N,Dv]": out}
    matched.extend((role, _describe_operand(operand)) for role, operand in named.items())
    return AttentionLayer(softmax.name or softmax.output[0], query, key, value, bias, scale, softmax.output[0], out)


def _match_scores(index, softmax, matched):
    """(the MatMul that makes the scores, the mask added to them or None, their scale), upwards from a Softmax."""
    scale, bias, scaled = 1.0, None, False
    scores = softmax.input[0]
    while (node := index.producers.get(scores)) is not None and node.op_type != "MatMul":
        if node.op_type == "Add":
            if bias is not None or scaled:
                raise _Refused(
                    f"{_describe(node)} adds before the scale, or once more (expected a scale, then one mask)"
                )
            sides = [side for side in (0, 1) if _comes_from_matmul(index, node.input[side])]
            if len(sides) != 1:
                raise _Refused(f"{len(sides)} sides of {_describe(node)} are scores (expected one, and the mask)")
            scores, bias = node.input[sides[0]], node.input[1 - sides[0]]
            matched.append(("mask", f"{_describe(node)} of '{bias}'"))
        elif (factor := _scale_step(index, node)) is not None:
            scores, scaled = factor[0], True
            scale *= factor[1]
            matched.append(("scale", f"{_describe(node)}: times {factor[1]:.6g}"))
        else:
            raise _Refused(
                f"{_describe(node)} stands between it and MatMul (expected Mul or Div by one constant, or Add)"
            )
    if node is None:
        raise _Refused(f"its scores '{scores}' are not made by a MatMul")
    return node, bias, scale


def _describe(node):
    # Names of nodes are optional; those of tensors are not.
    return f"{node.op_type} '{node.name}'" if node.name else f"{node.op_type} that makes '{node.output[0]}'"


def _describe_operand(operand):
    seen = "" if operand.perm == (0, 1, 2, 3) else f", its dimensions in the order {', '.join(map(str, operand.perm))}"
    return f"'{operand.tensor}'{seen}"


def _scale_step(index, node):
    """(the tensor that is scaled, its factor) of a Mul or Div by one constant number, None for other nodes."""
    if node.op_type not in ("Mul", "Div"):
        return None
    for side in (1, 0) if node.op_type == "Mul" else (1,):
        number = index.constant(node.input[side])
        if number is not None and number.size == 1:
            factor = float(number.reshape(()))
            return node.input[1 - side], factor if node.op_type == "Mul" else 1 / factor
    return None


def _comes_from_matmul(index, tensor):
    """Whether scales and additions alone lie between this tensor and a MatMul."""
    node = index.producers.get(tensor)
    if node is None or node.op_type == "MatMul":
        return node is not None
    if node.op_type == "Add":
        return any(_comes_from_matmul(index, name) for name in node.input)
    step = _scale_step(index, node)
    return step is not None and _comes_from_matmul(index, step[0])


def _trace_back(index, tensor, perm):
    """The tensor farthest up through transposes that still has its columns innermost; None if there is none."""
    found = None
    while True:
        if perm[3] == 3:
            found = Operand(tensor, perm)
        node = index.producers.get(tensor)
        if node is None or node.op_type != "Transpose":
            return found
        inner = get_attribute(node, "perm", [3, 2, 1, 0])
        if len(inner) != 4:
            return found
        tensor, perm = node.input[0], tuple(inner[axis] for axis in perm)


def _trace_forward(index, tensor):
    """The result where it comes to lie: behind a Transpose that alone reads it and leaves its columns innermost."""
    readers = index.consumers.get(tensor, [])
    if tensor not in index.outputs and len(readers) == 1 and readers[0].op_type == "Transpose":
        perm = get_attribute(readers[0], "perm", [3, 2, 1, 0])
        if len(perm) == 4 and perm[3] == 3:
            return Operand(readers[0].output[0], tuple(perm.index(axis) for axis in range(4)))
    return Operand(tensor, (0, 1, 2, 3))
