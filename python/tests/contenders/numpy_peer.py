# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A contender for test_bench.py: right, wrong and failing entry points, all slower than anybody."""

import numpy as np
from harness import numerics


def version():
    return "1"


def variants(w, arrays, context):
    q, k, v = (arrays[name].astype(np.float64) for name in "qkv")
    k, v = (np.repeat(a, w.H // w.Hkv, axis=1) for a in (k, v))

    def attention(spoil):
        scores = w.scale_factor * q @ k.transpose(0, 1, 3, 2)
        bias = numerics.dense_bias(w, arrays)
        weights = np.exp(scores if bias is None else scores + bias)
        out = weights / weights.sum(axis=-1, keepdims=True) @ v
        out[0, 0, 0, 0] += spoil
        return out.astype(np.float32)

    def build(spoil):
        result = []

        def run():
            result[:] = [attention(spoil)]

        return run, lambda: result[0]

    def fail():
        raise ValueError("has no such entry point")

    return [("wrong", lambda: build(1e-3)), ("right", lambda: build(0.0)), ("failing", fail)]
