# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""OpenVINO on CPU: its scaled dot-product attention op, and the same as separate ops, which it fuses itself."""

import numpy as np
import openvino
import openvino.opset13 as ops

from harness import Unsupported, numerics
from harness.contenders import to_layout

TYPES = {"f32": openvino.Type.f32, "bf16": openvino.Type.bf16, "f16": openvino.Type.f16}


def version():
    return openvino.__version__.split("-")[0]


def variants(w, arrays, context):
    if w.sink:
        raise Unsupported("no entry point for a sink")
    found = [("separate ops, bhnd", lambda: separate(w, arrays, context))]
    if not w.softcap and w.similarity == "dot":
        found.insert(0, ("ScaledDotProductAttention, bhnd", lambda: fused(w, arrays, context)))
    return found


def parameters(w, arrays):
    feeds = {name: to_layout(arrays[name], "bhnd") for name in "qkv"}
    nodes = {name: ops.parameter(list(a.shape), TYPES[w.dtype], name=name) for name, a in feeds.items()}
    return feeds, nodes


def integers(values):
    return ops.constant(np.array(values, np.int64))


def repeated(w, node, size):
    """Key heads repeated for the query heads that share them: the op wants equal numbers."""
    group = w.H // w.Hkv
    if group == 1:
        return node
    wide = ops.broadcast(ops.unsqueeze(node, integers(2)), integers([w.B, w.Hkv, group, w.M, size]))
    return ops.reshape(wide, integers([w.B, w.H, w.M, size]), False)


def add_bias(w, arrays, feeds, nodes):
    bias = numerics.dense_bias(w, arrays, finite=True)
    if bias is not None:
        feeds["bias"] = bias
        nodes["bias"] = ops.parameter(list(bias.shape), TYPES[w.dtype], name="bias")


def fused(w, arrays, context):
    feeds, nodes = parameters(w, arrays)
    flag = w.causal and w.N == w.M and not (w.window or w.documents or w.padding or w.alibi or w.bias)
    if not flag:
        add_bias(w, arrays, feeds, nodes)
    bias = nodes["bias"] if "bias" in nodes else number(w, 0)
    scale = number(w, w.scale_factor)
    k, v = repeated(w, nodes["k"], w.D), repeated(w, nodes["v"], w.Dv)
    return compiled(
        ops.scaled_dot_product_attention(nodes["q"], k, v, bias, scale, causal=flag), w, feeds, nodes, context
    )


def separate(w, arrays, context):
    feeds, nodes = parameters(w, arrays)
    add_bias(w, arrays, feeds, nodes)
    k = repeated(w, nodes["k"], w.D)
    if w.similarity == "dot":
        scores = ops.matmul(nodes["q"], k, False, True)
    else:
        sums = ops.tanh(ops.add(ops.unsqueeze(nodes["q"], integers(3)), ops.unsqueeze(k, integers(2))))
        weights = ops.constant(arrays["weights"].reshape(-1, 1))
        scores = ops.squeeze(ops.matmul(sums, weights, False, False), integers(4))
    scores = ops.multiply(scores, number(w, w.scale_factor))
    if w.softcap:
        bounded = ops.tanh(ops.multiply(scores, number(w, 1 / w.softcap)))
        scores = ops.multiply(bounded, number(w, w.softcap))
    if "bias" in nodes:
        scores = ops.add(scores, nodes["bias"])
    out = ops.matmul(ops.softmax(scores, 3), repeated(w, nodes["v"], w.Dv), False, False)
    return compiled(out, w, feeds, nodes, context)


def number(w, value):
    constant = ops.constant(np.float32(value))
    return constant if w.dtype == "f32" else ops.convert(constant, w.dtype)


def make_tensor(array):
    if array.dtype.name != "bfloat16":
        return openvino.Tensor(array, shared_memory=True)
    made = openvino.Tensor(openvino.Type.bf16, list(array.shape))
    made.data.view(np.uint16)[...] = array.view(np.uint16)
    return made


def compiled(out, w, feeds, nodes, context):
    model = openvino.Model([ops.result(out)], list(nodes.values()), "attention")
    settings = {
        "INFERENCE_NUM_THREADS": context["threads"],
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": w.dtype,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    for name, array in feeds.items():
        request.set_tensor(name, make_tensor(array))

    def run():
        request.infer()

    run.keep = (feeds, model)
    return run, lambda: np.asarray(request.get_output_tensor(0).data).view(numerics.numpy_type(w.dtype))
