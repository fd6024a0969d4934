# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""FlexAttention (torch.nn.attention.flex_attention, compiled) on CPU: masks as a BlockMask, scores as a score_mod."""

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from harness import Unsupported
from harness.contenders import LAYOUTS
from harness.contenders.torch_cpu import prepare, runner, tensors, to_torch


def version():
    return torch.__version__


def variants(w, arrays, context):
    if w.similarity != "dot":
        raise Unsupported("a score_mod sees the product of Q and K only")
    if w.sink:
        raise Unsupported("no entry point for a sink")
    return [(f"flex_attention, {layout}", lambda layout=layout: flex(w, arrays, context, layout)) for layout in LAYOUTS]


def make_mask(w):
    """None, or the BlockMask of what a row sees."""
    if w.is_dense:
        return None
    ahead, lengths, of = w.M - w.N, torch.from_numpy(w.lengths()), torch.from_numpy(w.document_of())

    def keep(b, h, i, j):
        seen = j >= 0
        if w.causal:
            seen = seen & (j <= i + ahead)
        if w.window:
            seen = seen & (j > i + ahead - w.window)
        if w.documents:
            seen = seen & (of[i + ahead] == of[j])
        if w.padding:
            seen = seen & (j < lengths[b])
        return seen

    return create_block_mask(keep, w.B if w.padding else None, None, w.N, w.M, device="cpu")


def make_score(w, arrays):
    """None, or what becomes of a score."""
    if not (w.softcap or w.bias or w.alibi):
        return None
    ahead = w.M - w.N
    slopes = to_torch(arrays["slopes"]) if w.alibi else None
    bias = to_torch(arrays["bias"])[0] if w.bias else None

    def change(score, b, h, i, j):
        if w.softcap:
            score = w.softcap * torch.tanh(score / w.softcap)
        if w.bias:
            score = score + bias[h, i, j]
        if w.alibi:
            score = score + slopes[h] * (j - i - ahead)
        return score

    return change


def flex(w, arrays, context, layout):
    prepare(context)
    torch._dynamo.reset()
    q, k, v = tensors(arrays, layout)
    options = {"scale": float(w.scale_factor), "enable_gqa": w.H != w.Hkv}
    options |= {"block_mask": make_mask(w), "score_mod": make_score(w, arrays)}
    compiled = torch.compile(flex_attention, dynamic=False)
    run, get = runner(lambda: compiled(q, k, v, **options))
    run()  # compiles
    return run, get
