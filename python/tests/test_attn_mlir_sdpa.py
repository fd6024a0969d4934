# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attn_mlir.sdpa against float64, in place, with every option; and what it refuses."""

import itertools

import attn_mlir
import ml_dtypes
import numpy as np
import pytest
from attention import assert_close, make, reference
from attn_mlir import _sdpa


def make_qkv(layout="bhnd", dtype=np.float32, n=70, m=90):
    def shape(heads, rows, depth):
        return (2, heads, rows, depth) if layout == "bhnd" else (2, rows, heads, depth)

    return make(shape(4, n, 16), dtype), make(shape(2, m, 16), dtype, 8), make(shape(2, m, 24), dtype, 9)


@pytest.mark.parametrize(
    ("causal", "layout", "dtype"),
    [
        (None, "bhnd", np.float32),
        ("top_left", "bnhd", np.float32),
        ("bottom_right", "bhnd", np.float32),
        ("bottom_right", "bnhd", np.float16),
        ("top_left", "bhnd", ml_dtypes.bfloat16),
    ],
)
def test_agrees_with_float64(causal, layout, dtype):
    for n, m in itertools.product((1, 70), (3, 90)):
        q, k, v = make_qkv(layout, dtype, n, m)
        for options in ({}, {"bias": make((4, 1, m))}, {"mask": make((2, 1, n, m)) > 0}, {"scale": 0.5}):
            out, lse = attn_mlir.sdpa(q, k, v, causal=causal, layout=layout, return_lse=True, **options)
            want, want_lse, bound = reference(q, k, v, causal=causal, layout=layout, **options)
            assert out.dtype == dtype and lse.dtype == np.float32
            assert_close(out, want, bound)
            # Rows without keys: both are -inf.
            np.testing.assert_allclose(lse, want_lse, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("top_k", "n", "layout"), [(1, 70, "bhnd"), (5, 3, "bnhd"), (np.int64(64), 70, "bhnd")])
def test_weights_and_the_largest_of_them(top_k, n, layout):
    m = 41  # fewer keys than ranks, and rows that keep fewer still
    q, k, v = make_qkv(layout, n=n, m=m)
    q[0, 0, 0], k[0, 0, 0] = 0, 0  # and equal weights
    mask = make((n, m)) > -1
    mask[2] = False
    options = {"mask": mask, "layout": layout, "causal": "bottom_right" if n < m else "top_left"}
    eye = np.broadcast_to(np.eye(m), (2, 2, m, m))
    want, lse, bound = reference(q, k, eye if layout == "bhnd" else eye.swapaxes(1, 2), **options)
    want, bound = (a if layout == "bhnd" else a.swapaxes(1, 2) for a in (want, bound))
    bound = bound.max(axis=-1, keepdims=True)
    results = attn_mlir.sdpa(q, k, v, return_lse=True, return_weights=True, top_k=top_k, **options)
    out, got_lse, weights, values, keys = results
    expected_out, _, out_bound = reference(q, k, v, **options)
    assert_close(out, expected_out, out_bound)
    np.testing.assert_allclose(got_lse, lse, rtol=0, atol=1e-4)
    assert weights.dtype == values.dtype == np.float32 and keys.dtype == np.int32
    assert_close(weights, want, bound)
    few = min(int(top_k), m)
    ranked = -np.sort(-want, axis=-1)[..., :few]
    assert values.shape == keys.shape == (2, 4, n, top_k)
    assert_close(values[..., :few], ranked, bound)
    assert (values[..., few:] == 0).all() and (keys[..., few:] == -1).all()
    # A key may differ where weights do by less than the budget: it is judged by the weight that it names.
    found = keys >= 0
    np.testing.assert_array_equal(found[..., :few], ranked > 0)
    named = np.where(found, np.take_along_axis(want, np.maximum(keys, 0), axis=-1), 0)
    assert_close(values, named, bound)
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in keys.reshape(-1, top_k))
    # Alone, they are the same, and come in the same order.
    _, values_only, keys_only = attn_mlir.sdpa(q, k, v, top_k=top_k, **options)
    np.testing.assert_array_equal(values_only, values)
    np.testing.assert_array_equal(keys_only, keys)


def test_of_equal_weights_the_smaller_key_comes_first():
    q, k, v = make_qkv()
    _, values, keys = attn_mlir.sdpa(q, np.zeros_like(k), v, top_k=6)
    assert (keys == np.arange(6)).all()
    np.testing.assert_allclose(values, 1 / 90, rtol=1e-6)


def test_a_row_without_keys_gives_zeros_whatever_v_holds():
    q, k, v = make_qkv()
    v[:, :, 5] = np.nan
    mask = np.ones((70, 90), bool)
    mask[:, 5] = False
    mask[3] = False
    out = attn_mlir.sdpa(q, k, v, mask=mask)
    v[:, :, 5] = 0
    want, _, bound = reference(q, k, v, mask=mask)
    assert_close(out, want, bound)
    assert (out[:, :, 3] == 0).all()


def test_packed_projections_are_read_and_written_in_place():
    packed = make((2, 50, 3, 4, 16))
    before = packed.copy()
    q, k, v = packed.transpose(2, 0, 3, 1, 4)
    buffer = np.full((2, 50, 5, 16), 7, np.float32)  # one head more than is written
    out = buffer[:, :, :4].swapaxes(1, 2)
    assert attn_mlir.sdpa(q, k, v, out=out) is out
    want, _, bound = reference(q, k, v)
    assert_close(out, want, bound)
    assert (buffer[:, :, 4] == 7).all()
    assert (packed == before).all()


def test_slices_of_a_cache_are_read_in_place():
    q = make((1, 4, 1, 16))
    cache = make((2, 1, 2, 128, 16))
    for length in (1, 17, 128):
        k, v = cache[:, :, :, :length]
        out = attn_mlir.sdpa(q, k, v, causal="bottom_right")
        want, _, bound = reference(q, k, v)
        assert_close(out, want, bound)


def test_lengths_share_a_kernel_and_options_do_not():
    _sdpa._compile.cache_clear()
    _sdpa._find_kernel.cache_clear()
    for n, m in ((64, 90), (70, 10), (100, 100)):
        attn_mlir.sdpa(*make_qkv(n=n, m=m))
    assert _sdpa._compile.cache_info().misses == 1
    attn_mlir.sdpa(*make_qkv(), scale=0.5)
    attn_mlir.sdpa(*make_qkv(), causal="top_left")
    attn_mlir.sdpa(*make_qkv(n=5))
    assert _sdpa._compile.cache_info().misses == 4


def test_no_keys_and_no_rows():
    q, k, v = make_qkv()
    assert (attn_mlir.sdpa(q, k[:, :, :0], v[:, :, :0]) == 0).all()
    assert attn_mlir.sdpa(q[:, :, :0], k, v).shape == (2, 4, 0, 24)
    assert attn_mlir.sdpa(q[:0], k[:0], v[:0]).shape == (0, 4, 70, 24)


def test_causal_true_needs_equal_lengths():
    q, k, v = make_qkv(n=20, m=20)
    assert_close(attn_mlir.sdpa(q, k, v, causal=True), *reference(q, k, v, causal="top_left")[::2])
    with pytest.raises(ValueError, match=r"N = 20 and M = 19 differ: expects 'top_left' or 'bottom_right'"):
        attn_mlir.sdpa(q, k[:, :, 1:], v[:, :, 1:], causal=True)


Q, K, V = make_qkv()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((Q, K, None), {}, TypeError, "'v' expects an array, got None"),
        ((Q, [1], V), {}, TypeError, "'k' expects an array, got list"),
        ((Q, K, V.astype(float)), {}, TypeError, "'v' expects float32, float16, bfloat16, got float64"),
        ((Q, K, V.astype(np.float16)), {}, TypeError, "'v' expects the type of 'q', float32, got float16"),
        ((Q[0], K, V), {}, ValueError, r"'q' expects 4 dimensions \(bhnd\), got shape \(4, 70, 16\)"),
        ((Q[:1], K, V), {}, ValueError, "'q', 'k' and 'v' expect one B, got 1 and 2 and 2"),
        ((Q[..., 1:], K, V), {}, ValueError, "'q' and 'k' expect one D, got 15 and 16"),
        ((Q, K[:, :1], V), {}, ValueError, "'k' and 'v' expect one Hkv, got 1 and 2"),
        ((Q, K, V[:, :, 1:]), {}, ValueError, "'k' and 'v' expect one M, got 90 and 89"),
        ((Q[:, :3], K, V), {}, ValueError, "expects H to be a multiple of Hkv, got H = 3 and Hkv = 2"),
        ((Q, K, V), {"bias": np.zeros(90)}, TypeError, "'bias' expects float32, got float64"),
        ((Q, K, V), {"bias": np.zeros((3, 1, 90), "f4")}, ValueError, r"'bias' expects .* \(2, 4, 70, 90\), got"),
        ((Q, K, V), {"mask": np.zeros(90, np.uint8)}, TypeError, "'mask' expects bool, got uint8"),
        ((Q, K, V), {"causal": "left"}, ValueError, "causal expects .* got 'left'"),
        ((Q, K, V), {"layout": "bhdn"}, ValueError, "layout expects 'bhnd' or 'bnhd', got 'bhdn'"),
        (
            (Q, K, V),
            {"out": np.empty((2, 4, 70, 16), "f4")},
            ValueError,
            r"'out' expects float32\[\?, 4, \?, 24\], got",
        ),
        ((Q, K, V), {"out": np.empty((2, 4, 69, 24), "f4")}, ValueError, "sizes of arguments disagree: .* out "),
        ((Q, K, V), {"top_k": 0}, ValueError, "top_k expects 1 to 64, got 0"),
        ((Q, K, V), {"top_k": 65}, ValueError, "top_k expects 1 to 64, got 65: ask for return_weights and rank them"),
        ((Q, K, V), {"top_k": 2.0}, TypeError, "top_k expects None or an integer, got float"),
        ((Q, K, V), {"top_k": True}, TypeError, "top_k expects None or an integer, got bool"),
        ((Q, K, V), {"threads": -1}, ValueError, "'threads' expects a number from 0"),
    ],
)
def test_refuses(arguments, options, error, message):
    with pytest.raises(error, match=message):
        attn_mlir.sdpa(*arguments, **options)
