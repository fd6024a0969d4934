# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""JAX on CPU: jax.nn.dot_product_attention, or what it lacks written in jnp; XLA compiles either. Layout [B,N,H,D]."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from harness import numerics
from harness.contenders import from_layout, to_layout


def version():
    return jax.__version__


def variants(w, arrays, context):
    if w.similarity == "dot" and not (w.softcap or w.sink):
        return [("dot_product_attention, bnhd", lambda: fused(w, arrays))]
    return [("jnp, bnhd", lambda: separate(w, arrays))]


def compiled(function, operands):
    made = jax.jit(function).lower(*operands).compile()
    result = []

    def run():
        result[:] = [made(*operands)]
        result[0].block_until_ready()

    return run, lambda: from_layout(np.asarray(result[0].astype(jnp.float32)), "bnhd")


def load(w, arrays):
    operands = [jnp.asarray(to_layout(arrays[name], "bnhd")) for name in "qkv"]
    bias = numerics.dense_bias(w, arrays, finite=True)
    return operands, None if bias is None else jnp.asarray(bias)


def fused(w, arrays):
    """Masks that it has options for are given as options; the rest is one bias."""
    operands, bias = load(w, arrays)
    options = {"scale": float(w.scale_factor), "implementation": "xla"}
    if w.N == w.M and not (w.bias or w.alibi or w.documents or w.padding):
        bias = None
        options["is_causal"] = w.causal
        if w.window:
            options["local_window_size"] = (w.window - 1, 0 if w.causal else w.M)
    if bias is None:
        return compiled(lambda q, k, v: jax.nn.dot_product_attention(q, k, v, **options), operands)
    return compiled(lambda q, k, v, b: jax.nn.dot_product_attention(q, k, v, bias=b, **options), [*operands, bias])


def separate(w, arrays):
    operands, bias = load(w, arrays)
    group = w.H // w.Hkv
    bias = jnp.zeros((1, 1, 1, 1), operands[0].dtype) if bias is None else bias
    extra = jnp.asarray(arrays["sinks"] if w.sink else arrays.get("weights", np.zeros(1, np.float32)))

    def attend(q, k, v, bias, extra):
        k, v = jnp.repeat(k, group, axis=2), jnp.repeat(v, group, axis=2)
        if w.similarity == "dot":
            scores = jnp.einsum("bnhd,bmhd->bhnm", q, k, preferred_element_type=jnp.float32)
        else:
            scores = jnp.einsum("bnmhd,d->bhnm", jnp.tanh(q[:, :, None] + k[:, None]), extra)
        scores = scores * w.scale_factor
        if w.softcap:
            scores = w.softcap * jnp.tanh(scores / w.softcap)
        scores = scores + bias
        if w.sink:
            wide = jnp.broadcast_to(extra[None, :, None, None], (*scores.shape[:3], 1))
            scores = jnp.concatenate([scores, wide.astype(scores.dtype)], axis=-1)
        weights = jax.nn.softmax(scores, axis=-1)[..., : w.M].astype(v.dtype)
        return jnp.einsum("bhnm,bmhd->bnhd", weights, v)

    return compiled(attend, [*operands, bias, extra])
