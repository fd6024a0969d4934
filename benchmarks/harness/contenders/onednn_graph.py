# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""oneDNN's graph of scaled dot-product attention, through the oneDNN that is part of PyTorch (TorchScript's fusion).

What a row sees is one tensor added to the scores, as oneDNN wants it.
"""

import torch

from harness import Unsupported, numerics
from harness.contenders import LAYOUTS
from harness.contenders.torch_cpu import prepare, runner, tensors, to_torch


def version():
    found = [line for line in torch.__config__.show().splitlines() if "oneAPI Deep Neural" in line or "MKL-DNN" in line]
    return (found[0].split(" v")[1].split()[0] if found else "?") + f" in torch {torch.__version__}"


def variants(w, arrays, context):
    if w.similarity != "dot":
        raise Unsupported("no entry point for additive similarity")
    if w.sink:
        raise Unsupported("no entry point for a sink")
    return [(f"graph, {layout}", lambda layout=layout: graph(w, arrays, context, layout)) for layout in LAYOUTS]


class Attention(torch.nn.Module):
    """The separate ops that the fusion looks for."""

    def __init__(self, w, has_bias):
        super().__init__()
        self.w, self.has_bias, self.divisor = w, has_bias, 1.0 / w.scale_factor

    def forward(self, q, k, v, bias):
        w = self.w
        group = w.H // w.Hkv
        if group > 1:
            k = k.unsqueeze(2).expand(w.B, w.Hkv, group, w.M, w.D).reshape(w.B, w.H, w.M, w.D)
            v = v.unsqueeze(2).expand(w.B, w.Hkv, group, w.M, w.Dv).reshape(w.B, w.H, w.M, w.Dv)
        scores = torch.matmul(q, k.transpose(-1, -2))
        if self.divisor != 1.0:
            scores = scores / self.divisor
        if w.softcap:
            scores = torch.tanh(scores / w.softcap) * w.softcap
        if self.has_bias:
            scores = scores + bias
        return torch.matmul(torch.softmax(scores, -1), v)


def graph(w, arrays, context, layout):
    prepare(context)
    torch.jit.enable_onednn_fusion(True)
    q, k, v = tensors(arrays, layout)
    bias = numerics.dense_bias(w, arrays, finite=True)
    added = torch.zeros(1) if bias is None else to_torch(bias)
    traced = torch.jit.freeze(torch.jit.trace(Attention(w, bias is not None).eval(), (q, k, v, added)))
    for _ in range(2):  # it fuses in the second call
        traced(q, k, v, added)
    return runner(lambda: traced(q, k, v, added), (w.B, w.H, w.N, w.Dv))
