# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Inputs, the float64 truth on sampled rows, and the error budget of docs/Numerics.md, the same for all."""

import math

import numpy as np

UNIT = {"f32": 2.0**-24, "bf16": 2.0**-8, "f16": 2.0**-11}
EXP2_UNITS = 1.75e-7 / 2.0**-24
SMALLEST = 2.0**-126
#: Keys of a tile: more tiles are more rescalings, so a small number is the generous one.
KEY_TILE = 64
#: Of a score callback: three for the change of base and the sum, one of its own.
CALLBACK_ROUNDINGS = 4
MAX_HEADS, MAX_ROWS = 24, 24


def numpy_type(dtype):
    if dtype == "f32":
        return np.dtype(np.float32)
    import ml_dtypes  # comes with onnx

    return np.dtype({"bf16": ml_dtypes.bfloat16, "f16": np.float16}[dtype])


def load(path, dtype):
    """An array that np.save wrote; it does not keep the name of bf16."""
    array = np.load(path)
    return array.view(numpy_type(dtype)) if array.dtype.kind == "V" else array


def alibi_slopes(heads):
    """Press et al. 2022: a geometric sequence; between powers of two every other term of the next one fills up."""

    def powers(count):
        return [2.0 ** (-8.0 * (i + 1) / count) for i in range(count)]

    whole = 2 ** int(math.log2(heads))
    return np.array(powers(whole) + powers(2 * whole)[0::2][: heads - whole], np.float32)


def make_inputs(w, seed=1):
    """Arrays by name, [B,H,N,D], the same for all contenders. Unscaled scores are kept small through Q."""
    rng = np.random.default_rng(seed)
    kind = numpy_type(w.dtype)

    def normal(*sizes):
        return rng.standard_normal(sizes, dtype=np.float32)

    scale = w.D**-0.5 if w.scale == 1.0 and w.similarity == "dot" else 1.0
    arrays = {
        "q": (normal(w.B, w.H, w.N, w.D) * np.float32(scale)).astype(kind),
        "k": normal(w.B, w.Hkv, w.M, w.D).astype(kind),
        "v": normal(w.B, w.Hkv, w.M, w.Dv).astype(kind),
    }
    if w.bias:
        arrays["bias"] = normal(1, w.H, w.N, w.M).astype(kind)
    if w.padding:
        arrays["mask"] = (np.arange(w.M)[None, :] < w.lengths()[:, None])[:, None, None, :]
    if w.alibi:
        arrays["slopes"] = alibi_slopes(w.H)
    if w.sink:
        arrays["sinks"] = normal(w.H)
    if w.similarity == "additive":
        # Scores of normal size: D terms below 1 each.
        arrays["weights"] = (normal(w.D) * np.float32(w.D**-0.5)).astype(np.float32)
    if w.documents:
        arrays["document"] = w.document_of()
    return arrays


def sample(w):
    """Heads as (batch, head) and rows to compare: edges and a spread between them."""
    heads = np.unique(np.linspace(0, w.B * w.H - 1, min(MAX_HEADS, w.B * w.H)).astype(int))
    rows = np.linspace(0, w.N - 1, min(MAX_ROWS, w.N)).astype(int)
    # A tile holds 64 rows: the last row of one and the first of the next are looked at, too.
    rows = np.unique(np.concatenate([rows, [r for r in (1, 63, 64) if r < w.N]]))
    return [(int(h) // w.H, int(h) % w.H) for h in heads], [int(r) for r in rows]


def take_sample(w, out):
    """[heads, rows, Dv] in float64 of an output [B,H,N,Dv]."""
    heads, rows = sample(w)
    return np.stack([np.asarray(out[b, h][rows], np.float64) for b, h in heads])


def chain(n):
    """Units of round-off after n roundings that are random (docs/Numerics.md, Worst case or statistical)."""
    return np.minimum(n, 4.0 * np.sqrt(n))


def inflate(t):
    grown = np.expm1(t)
    return np.where(grown < 1, grown / np.maximum(1 - grown, 1e-300), np.inf)


def reference(w, arrays):
    """(truth, tolerance, tolerance of others), each [heads, rows, Dv], of the sampled rows.

    Others may do what our budget has no room for: round scores to 16 bits, and give a row without keys any value.
    """
    heads, rows = sample(w)
    truth = np.zeros((len(heads), len(rows), w.Dv))
    tolerance, others = np.zeros_like(truth), np.zeros_like(truth)
    for number, (b, h) in enumerate(heads):
        g = h // (w.H // w.Hkv)
        q, k, v = (np.asarray(a, np.float64) for a in (arrays["q"][b, h][rows], arrays["k"][b, g], arrays["v"][b, g]))
        before, magnitude = scores_before(w, arrays, q, k)
        after = before
        if w.softcap:
            after = w.softcap * np.tanh(after / w.softcap)
        if w.bias:
            after = after + np.asarray(arrays["bias"][0, h][rows], np.float64)
        if w.alibi:
            distance = np.arange(w.M)[None, :] - (np.array(rows) + w.M - w.N)[:, None]
            after = after + float(arrays["slopes"][h]) * distance
        keep = w.keep(b, rows)
        scores = np.where(keep, after, -np.inf)
        top = scores.max(axis=1, keepdims=True)
        weights = np.exp(scores - np.where(np.isfinite(top), top, 0))
        total = weights.sum(axis=1, keepdims=True)
        if w.sink:  # it takes part in the sum, not in the maximum: scores here are of normal size
            sink = float(arrays["sinks"][h])
            share = np.exp(sink - np.where(np.isfinite(top), top, 0))
            total = total + share
        weights /= np.where(total > 0, total, 1)
        truth[number] = weights @ v
        has_callback = w.softcap or w.bias or w.alibi
        moved = (weights * (np.abs(before) + np.abs(after))).sum(axis=1) if has_callback else 0.0
        if w.sink:
            moved = moved + 3 * (share / total)[:, 0] * abs(sink) / CALLBACK_ROUNDINGS
        kept = keep.sum(axis=1)
        largest = np.stack([np.abs(v[row]).max(axis=0) if row.any() else np.zeros(w.Dv) for row in keep])
        largest_score = np.where(keep, magnitude, 0).max(axis=1)
        tolerance[number] = budget(w, kept, largest_score, moved, largest, truth[number])
        rounded = UNIT[w.dtype] if w.dtype != "f32" else 0.0
        others[number] = budget(w, kept, largest_score, moved, largest, truth[number], rounded)
        others[number][kept == 0] = np.inf
    return truth, tolerance, others


def scores_before(w, arrays, q, k):
    """Scaled similarities [rows, M], and the same of magnitudes."""
    if w.similarity == "dot":
        return w.scale_factor * (q @ k.T), w.scale_factor * (np.abs(q) @ np.abs(k).T)
    weights = np.asarray(arrays["weights"], np.float64)
    bent = np.tanh(q[:, None, :] + k[None, :, :])
    return w.scale_factor * (bent @ weights), w.scale_factor * (np.abs(bent) @ np.abs(weights))


def budget(w, kept, magnitude, moved, largest, truth, score_rounding=0.0):
    """docs/Numerics.md: (c1 + c2 A + c3) u W; per row but for W, the largest kept |V| of each column."""
    unit = UNIT["f32"]
    tiles = np.maximum(np.minimum(kept, -(-w.M // KEY_TILE)), 1)
    c1 = chain(2 * (kept + tiles - 1)) + EXP2_UNITS * tiles + 2 * np.log(kept + 1) + 2
    similarity_roundings = 2 * CALLBACK_ROUNDINGS if w.similarity == "additive" else 0
    c2 = 1 + chain(w.D + 1) + similarity_roundings
    c3 = 2 * CALLBACK_ROUNDINGS * (2 if w.softcap else 1) * moved  # tanh takes about four more
    fixed = c1 * unit + (UNIT[w.dtype] if w.dtype != "f32" else 0)
    relative = np.minimum(
        inflate(fixed + (c2 * magnitude + c3) * unit + score_rounding * magnitude), 2 * np.exp(2 * fixed)
    )
    tolerance = relative[:, None] * largest + kept[:, None] * SMALLEST * (largest + 1)
    if w.dtype != "f32":
        tolerance += UNIT[w.dtype] * (np.abs(truth) + tolerance)
    return tolerance


def judge(computed, truth, tolerance):
    """The largest error as a multiple of what is allowed: above 1 is wrong. NaN and infinities are infinitely wrong."""
    error = np.abs(computed - truth)
    ratio = np.where(error == 0, 0.0, error / np.maximum(tolerance, 1e-300))
    return float(np.where(np.isnan(ratio), np.inf, ratio).max()) if ratio.size else 0.0


def dense_bias(w, arrays, finite=False):
    """Everything that a contender without regions must be handed as one float tensor [B or 1, H or 1, N, M]; None if
    there is nothing to add. Masked is -inf, or a large finite number for those who compute with it."""
    if w.is_dense and not (w.bias or w.alibi):
        return None
    masked = (-6e4 if w.dtype == "f16" else -1e30) if finite else -np.inf
    batches = range(w.B) if w.padding else [0]
    parts = [np.where(w.keep(b, np.arange(w.N)), np.float32(0), np.float32(masked))[None] for b in batches]
    total = np.stack(parts)
    if w.alibi:
        distance = (np.arange(w.M)[None, :] - (np.arange(w.N) + w.M - w.N)[:, None]).astype(np.float32)
        total = total + (arrays["slopes"][:, None, None] * distance)[None]
    if w.bias:
        total = total + arrays["bias"].astype(np.float32)
    return np.ascontiguousarray(total.astype(numpy_type(w.dtype)))
