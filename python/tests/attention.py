# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention in float64 with numpy, as docs/reference defines it, and what the tests of the package share."""

import numpy as np

SEED = 7
UNIT = 2.0**-24  # of float32, in which kernels compute


def make(shape, dtype=np.float32, seed=SEED):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def reference(q, k, v, *, bias=None, mask=None, causal=None, scale=None, layout="bhnd"):
    """(out, lse, bound on the error of out) in float64; a row without keys is zeros and -inf."""
    # Where the machine multiplies bf16 in pairs, weights are rounded to it.
    weight_unit = 2.0**-8 if v.dtype.name == "bfloat16" else 0
    q, k, v = (np.asarray(a, np.float64) for a in (q, k, v))
    if layout == "bnhd":
        q, k, v = (a.swapaxes(1, 2) for a in (q, k, v))
    group = q.shape[1] // k.shape[1]
    k, v = (a.repeat(group, axis=1) for a in (k, v))
    rows, depth, keys = q.shape[2], q.shape[3], k.shape[2]
    scale = depth**-0.5 if scale is None else scale
    s = scale * q @ k.swapaxes(2, 3)
    if bias is not None:
        s = s + np.asarray(bias, np.float64)
    keep = np.ones(s.shape, bool) if mask is None else np.broadcast_to(mask, s.shape).copy()
    if causal:
        shift = keys - rows if causal == "bottom_right" else 0
        keep &= np.arange(keys) <= np.arange(rows)[:, None] + shift
    s = np.where(keep, s, -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        lse = np.logaddexp.reduce(s, axis=-1)
    weights = np.where(keep, np.exp(s - np.where(np.isinf(lse), 0, lse)[..., None]), 0)
    out = weights @ v
    # The budget of docs/Numerics.md to first order, worst case, one key a tile; a bias adds its c3.
    a = (np.abs(scale * q) @ np.abs(k).swapaxes(2, 3)).max(axis=-1, keepdims=True, initial=0)
    c1 = 2 * keys + (2 + 2.94) * (1 + keys) + 2 * np.log(keys + 1) + 2
    c3 = 0 if bias is None else 16 * (a + np.abs(bias).max())
    relative = (c1 + (depth + 2) * a + c3) * UNIT + weight_unit
    bound = relative * np.abs(v).max(axis=2, keepdims=True, initial=0)
    if layout == "bnhd":
        out, bound = out.swapaxes(1, 2), bound.swapaxes(1, 2)
    return out, lse, bound


def assert_close(got, want, bound):
    """`got` is rounded to its own type once more."""
    got = np.asarray(got)
    unit = {"float16": 2.0**-11, "bfloat16": 2.0**-8}.get(got.dtype.name, UNIT)
    error = np.abs(got.astype(np.float64) - want)
    assert got.shape == want.shape
    assert (error <= bound + unit * np.abs(want) + 2.0**-24).all(), f"largest error {error.max()}"
