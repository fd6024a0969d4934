# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PyTorch on CPU: scaled_dot_product_attention, in both layouts, and with the head group as rows for a decode step."""

import numpy as np
import torch
import torch.nn.functional as F

from harness import Unsupported, numerics
from harness.contenders import to_layout


def version():
    return torch.__version__


def entry_points(w, arrays):
    """[(name, make, shape of its result if another than [B,H,N,Dv])], where make() returns a call without arguments."""
    if w.similarity == "additive":
        return [("separate ops, bnhd", lambda: additive(w, arrays), None)]
    if w.softcap or w.sink:
        raise Unsupported("scaled_dot_product_attention has no softcap and no sink")
    found = [(f"sdpa, {layout}", lambda layout=layout: sdpa(w, arrays, layout), None) for layout in ("bhnd", "bnhd")]
    if w.N == 1 and w.H != w.Hkv and w.is_dense and not (w.bias or w.alibi):
        found.append(("sdpa, group as rows", lambda: folded(w, arrays), (w.B, w.H, 1, w.Dv)))
    return found


def variants(w, arrays, context):
    def build(make, shape):
        prepare(context)
        return runner(make(), shape)

    return [(name, lambda make=make, shape=shape: build(make, shape)) for name, make, shape in entry_points(w, arrays)]


def to_torch(array):
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def tensors(arrays, layout):
    """[B,H,N,D] each, with strides for bnhd."""
    made = [to_torch(to_layout(arrays[name], layout)) for name in "qkv"]
    return [t.transpose(1, 2) for t in made] if layout == "bnhd" else made


def runner(call, shape=None):
    result = []

    def run():
        result[:] = [call()]

    return run, lambda: (result[0].reshape(shape) if shape else result[0]).float().numpy()


def prepare(context):
    torch.set_num_threads(context["threads"])
    torch.set_grad_enabled(False)


def sdpa(w, arrays, layout):
    q, k, v = tensors(arrays, layout)
    options = {"scale": float(w.scale_factor), "enable_gqa": w.H != w.Hkv}
    if w.causal and w.N == w.M and not (w.window or w.documents or w.padding or w.alibi or w.bias):
        return lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True, **options)
    bias = numerics.dense_bias(w, arrays)
    mask = None if bias is None else to_torch(bias)
    return lambda: F.scaled_dot_product_attention(q, k, v, attn_mask=mask, **options)


def additive(w, arrays):
    """All sums of a row of Q and one of K, then tanh, then the product with the weights."""
    q, k, v = tensors(arrays, "bhnd")
    weights = to_torch(arrays["weights"])
    bias = numerics.dense_bias(w, arrays)
    mask = torch.zeros(1) if bias is None else to_torch(bias)

    def call():
        scores = torch.tanh(q.unsqueeze(3) + k.unsqueeze(2)) @ weights
        return torch.softmax(scores * w.scale_factor + mask, -1) @ v

    return call


def folded(w, arrays):
    q, k, v = tensors(arrays, "bhnd")
    q = q.reshape(w.B, w.Hkv, w.H // w.Hkv, w.D)
    return lambda: F.scaled_dot_product_attention(q, k, v, scale=float(w.scale_factor))
