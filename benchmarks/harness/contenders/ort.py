# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX Runtime on CPU: the Attention op of opset 23 and the fused ops MultiHeadAttention and GroupQueryAttention."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented

from harness import Unsupported, numerics
from harness.contenders import from_layout, to_layout


def version():
    return onnxruntime.__version__


def variants(w, arrays, context):
    if w.sink or w.similarity != "dot":
        raise Unsupported("no entry point for " + ("a sink" if w.sink else w.similarity + " similarity"))
    found = [("Attention-23, bhnd", lambda: attention(w, arrays, context))]
    if w.dtype == "bf16":  # the fused ops have no such kernels
        return found
    if w.H == w.Hkv and not w.softcap:
        found.append(("MultiHeadAttention, bnhd", lambda: multi_head(w, arrays, context)))
    only_causal = not (w.bias or w.alibi or w.padding or w.documents)
    if only_causal and w.D == w.Dv and (w.causal and w.N == w.M or w.N == 1 and not w.window):
        found.append(("GroupQueryAttention, bnhd", lambda: group_query(w, arrays, context)))
    return found


def session(node, feeds, outputs, threads):
    """A model of one node, bound to buffers of ours: (run, OrtValues of the outputs)."""
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in feeds.items()
    ]
    results = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in outputs.items()
    ]
    graph = helper.make_graph([node], "attention", inputs, results)
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=11)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        made = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except NotImplemented as error:
        raise Unsupported("has no kernel for these types on CPU") from error
    binding = made.io_binding()
    values = {}
    for name, array in feeds.items():
        values[name] = make_value(array)
        binding.bind_ortvalue_input(name, values[name])
    for name, array in outputs.items():
        # A cache that grows in place is input and output at once.
        values[name] = values.get(array_name(name), None) or make_value(array)
        binding.bind_ortvalue_output(name, values[name])
    run_options = onnxruntime.RunOptions()

    def run():
        made.run_with_iobinding(binding, run_options)

    run.keep = (values, feeds)
    return run, values


def make_value(array):
    if array.dtype.name == "bfloat16":
        bits = array.view(np.uint16)
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, TensorProto.BFLOAT16)
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def array_name(output):
    """The input that shares memory with an output, if any does."""
    return {"present_key": "past_key", "present_value": "past_value"}.get(output, "")


def masks(w, arrays):
    """(is_causal, bias): the flag where it says all, else one tensor. The flag counts from the top left."""
    if w.causal and w.N == w.M and not (w.window or w.documents or w.padding or w.alibi or w.bias):
        return 1, None
    return 0, numerics.dense_bias(w, arrays, finite=True)


def attention(w, arrays, context):
    is_causal, bias = masks(w, arrays)
    feeds = {name: to_layout(arrays[name], "bhnd") for name in "qkv"}
    if bias is not None:
        feeds["bias"] = bias
    attributes = {"scale": float(w.scale_factor), "is_causal": is_causal}
    if w.softcap:
        if bias is not None and (w.alibi or w.bias):
            raise Unsupported("softcap is applied after the bias here")
        attributes["softcap"] = float(w.softcap)
    node = helper.make_node("Attention", list(feeds), ["out"], **attributes)
    out = np.full((w.B, w.H, w.N, w.Dv), np.nan, numerics.numpy_type(w.dtype))
    run, values = session(node, feeds, {"out": out}, context["threads"])
    return run, lambda: to_numpy(w, values["out"])


def to_numpy(w, value):
    return value.numpy().view(numerics.numpy_type(w.dtype))


def multi_head(w, arrays, context):
    is_causal, bias = masks(w, arrays)
    feeds = {name: flat(arrays[name]) for name in "qkv"}
    names = ["q", "k", "v"]
    if bias is not None:
        feeds["bias"] = bias
        names += ["", "", "bias"]
    attributes = {"num_heads": w.H, "scale": float(w.scale_factor), "unidirectional": is_causal}
    node = helper.make_node("MultiHeadAttention", names, ["out"], domain="com.microsoft", **attributes)
    run, values = session(node, feeds, {"out": empty_flat(w)}, context["threads"])
    return run, lambda: unflat(w, values["out"])


def group_query(w, arrays, context):
    """Causal by definition. It also appends K and V to a cache: all for a prompt, one row in place for a step."""
    new = w.N
    feeds = {
        "q": flat(arrays["q"]),
        "k": flat(arrays["k"][:, :, w.M - new :]),
        "v": flat(arrays["v"][:, :, w.M - new :]),
    }
    step = w.N == 1 and w.M > 1
    caches = {"past_key": arrays["k"], "past_value": arrays["v"]}
    for name, array in caches.items():
        feeds[name] = np.ascontiguousarray(array) if step else np.zeros_like(array[:, :, :0])
    feeds["seqlens_k"] = np.full(w.B, w.M - 1, np.int32)
    feeds["total_sequence_length"] = np.array([w.M], np.int32)
    attributes = {"num_heads": w.H, "kv_num_heads": w.Hkv, "scale": float(w.scale_factor)}
    if w.softcap:
        attributes["softcap"] = float(w.softcap)
    if w.window:
        attributes["local_window_size"] = w.window
    outputs = ["out", "present_key", "present_value"]
    node = helper.make_node("GroupQueryAttention", list(feeds), outputs, domain="com.microsoft", **attributes)
    present = {"present_key": np.zeros_like(arrays["k"]), "present_value": np.zeros_like(arrays["v"])}
    if step:
        run, values = session(node, feeds, {"out": empty_flat(w), **present}, context["threads"])
    else:
        run, values = prompt_session(node, feeds, {"out": empty_flat(w), **present}, context["threads"])
    return run, lambda: unflat(w, values["out"])


def prompt_session(node, feeds, outputs, threads):
    """A prompt has an empty past, so nothing is shared: outputs get memory of their own."""
    renamed = dict(zip(outputs, ["out", "new_key", "new_value"], strict=True))
    copy = helper.make_node(node.op_type, list(node.input), list(renamed.values()), domain=node.domain)
    copy.attribute.extend(node.attribute)
    return session(copy, feeds, {renamed[name]: array for name, array in outputs.items()}, threads)


def flat(array):
    """[B,H,N,D] as [B,N,H*D]."""
    rows = to_layout(array, "bnhd")
    return rows.reshape(rows.shape[0], rows.shape[1], -1)


def empty_flat(w):
    return np.full((w.B, w.N, w.H * w.Dv), np.nan, numerics.numpy_type(w.dtype))


def unflat(w, value):
    return from_layout(to_numpy(w, value).reshape(w.B, w.N, w.H, w.Dv), "bnhd")
