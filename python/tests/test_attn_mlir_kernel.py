# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels of attn_mlir: what they take, what they refuse, and that calls do not get into each other's way."""

import concurrent.futures
import sys
import threading

import attn_mlir
import ml_dtypes
import numpy as np
import pytest
from attention import assert_close, make, reference


def write_attend(dtype="f32", *, clauses="", batch="?", rows="?", keys="?", lse=False):
    q, kv = (f"tensor<{batch}x4x{n}x16x{dtype}>" for n in (rows, keys))
    results = f"{q}, tensor<{batch}x4x{rows}xf32>" if lse else q
    values = "%o, %l" if lse else "%o"
    return f"""
func.func @attend(%q: {q} {{attn.name = "q"}}, %k: {kv} {{attn.name = "k"}}, %v: {kv} {{attn.name = "v"}})
    -> ({results}) {{
  {values} = attn.sdpa %q, %k, %v {clauses} {"returns(out, lse)" if lse else ""}
    : ({q}, {kv}, {kv}) -> {results}
  return {values} : {results}
}}"""


@pytest.fixture(scope="module")
def attend():
    return attn_mlir.compile(write_attend()).kernel


Q, K, V = make((2, 4, 40, 16)), make((2, 4, 30, 16), seed=8), make((2, 4, 30, 16), seed=9)


def test_signature(attend):
    assert attend.name == "attend"
    assert attend.signature == (
        "attend(q: float32[?, 4, ?, 16], k: float32[?, 4, ?, 16], v: float32[?, 4, ?, 16]) -> out: float32[?, 4, ?, 16]"
    )
    assert [(a.name, a.kind, a.dtype) for a in attend.arguments] == [
        ("q", "input", "float32"),
        ("k", "input", "float32"),
        ("v", "input", "float32"),
        ("out", "output", "float32"),
    ]
    assert attend.outputs[0].shape == (None, 4, None, 16)
    assert attend.workspace_bytes > 0
    assert repr(attend) == f"<Kernel {attend.signature}>"


def test_inputs_by_order_and_by_name(attend):
    want, _, bound = reference(Q, K, V)
    first = attend(Q, K, V)
    assert_close(first, want, bound)
    assert (attend(Q, v=V, k=K) == first).all()
    out = np.empty_like(first)
    assert attend(Q, K, V, out=out) is out and (out == first).all()
    assert (attend(Q, K, V, out=None) == first).all()


def test_several_outputs_are_a_tuple():
    kernel = attn_mlir.compile(write_attend(lse=True)).kernel
    want, want_lse, bound = reference(Q, K, V)
    out1 = np.empty((2, 4, 40), np.float32)
    out, lse = kernel(Q, K, V, out1=out1)
    assert lse is out1
    assert_close(out, want, bound)
    np.testing.assert_allclose(lse, want_lse, atol=1e-4)


def test_scalars():
    source = write_attend().replace("%v:", '%s: f32 {attn.name = "s"}, %n: i32 {attn.name = "n"}, %v:')
    kernel = attn_mlir.compile(source).kernel
    assert [str(a) for a in kernel.arguments[2:4]] == ["s: float32", "n: int32"]
    assert kernel.arguments[2].shape is None
    assert kernel(Q, K, 1.5, np.int64(-3), V).shape == Q.shape
    with pytest.raises(TypeError, match="'s' expects a number, got 'x'"):
        kernel(Q, K, "x", 3, V)
    with pytest.raises(TypeError, match="'n' expects an integer, got 1.5"):
        kernel(Q, K, 1, 1.5, V)
    with pytest.raises(TypeError, match="'n' expects an integer from -2147483648 to 2147483647, got 2147483648"):
        kernel(Q, K, 1, 2**31, V)


def test_bfloat16_is_that_of_ml_dtypes():
    kernel = attn_mlir.compile(write_attend("bf16")).kernel
    q, k, v = (a.astype(ml_dtypes.bfloat16) for a in (Q, K, V))
    out = kernel(q, k, v)
    assert out.dtype == ml_dtypes.bfloat16
    assert_close(out, *reference(q, k, v)[::2])
    with pytest.raises(TypeError, match=r"'k' expects bfloat16.* got uint16.*view\(ml_dtypes.bfloat16\)"):
        kernel(q, k.view(np.uint16), v)
    with pytest.raises(TypeError, match="'k' expects bfloat16.* got float32"):
        kernel(q, K, v)
    q.flags.writeable = False
    assert (kernel(q, k, v) == out).all()
    with pytest.raises(ValueError, match="'out' is read-only"):
        kernel(k, k, v, out=np.lib.stride_tricks.as_strided(k.copy(), writeable=False))


def test_inputs_may_be_read_only_and_repeat(attend):
    q, k, v = (np.broadcast_to(a[:, :1], a.shape) for a in (Q, K, V))  # heads share their memory, stride 0
    assert not q.flags.writeable
    assert_close(attend(q, k, v), *reference(q, k, v)[::2])


class OnlyDlpack:
    """What other libraries' arrays look like."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_takes_whatever_knows_dlpack_or_the_buffer_protocol(attend):
    want = attend(Q, K, V)
    assert (attend(OnlyDlpack(Q), memoryview(K), V) == want).all()
    out = np.empty_like(want)
    given = OnlyDlpack(out)
    assert attend(Q, K, V, out=given) is given and (out == want).all()


def test_arrays_of_jax_are_no_outputs(attend):
    immutable = type("ArrayImpl", (OnlyDlpack,), {"__module__": "jaxlib._jax"})
    want = attend(Q, K, V)
    assert (attend(immutable(Q), K, V) == want).all()
    out = np.zeros_like(want)
    with pytest.raises(ValueError, match="'out' is an array of JAX, which is immutable"):
        attend(Q, K, V, out=immutable(out))
    assert (out == 0).all()


def test_refusals_write_nothing(attend):
    out = np.full(Q.shape, 7, np.float32)
    refused = [
        (Q, K, V[:, :, 1:]),
        (Q, K, V.astype(float)),
        (Q, K[:1], V),
        (Q, K, V[:, :, ::-1]),
        (Q[..., :8], K, V),
        (out, K, V),
    ]
    for arguments in refused:
        with pytest.raises((TypeError, ValueError)):
            attend(*arguments, out=out)
    assert (out == 7).all()


READ_ONLY = np.empty(Q.shape, np.float32)
READ_ONLY.flags.writeable = False
MISALIGNED = np.empty(Q.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(Q.shape)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((Q, K), {}, TypeError, r"attend\(\): misses 'v'; attend\(q: float32"),
        ((Q, K, V, Q), {}, TypeError, r"takes 3 positional arguments, got 4 \(outputs are given by name\)"),
        ((Q, K, V), {"q": Q}, TypeError, "got 'q' twice"),
        ((Q, K, V), {"ouput": Q}, TypeError, "has no argument 'ouput'"),
        ((Q, K, 3), {}, TypeError, r"'v' expects float32\[\?, 4, \?, 16\], got int"),
        ((Q, K, None), {}, TypeError, "'v' expects .*, got NoneType"),
        ((Q, K, V.astype(float)), {}, TypeError, r"'v' expects float32.* got float64\[2, 4, 30, 16\]"),
        ((Q, K, V.astype(">f4")), {}, TypeError, "'v' expects float32.* got >f4"),
        ((Q, K, V.view(np.int32)), {}, TypeError, "'v' expects float32.* got int32"),
        ((Q, K, V[0]), {}, ValueError, r"'v' expects .* got float32\[4, 30, 16\]"),
        ((Q, K, V[..., :8]), {}, ValueError, r"'v' expects .* got float32\[2, 4, 30, 8\]"),
        ((Q, K, V[:, :, 1:]), {}, ValueError, r"sizes of arguments disagree: .* v \[2, 4, 29, 16\]"),
        ((Q, K, V.repeat(2, axis=3)[..., ::2]), {}, ValueError, "'v' expects .* side by side, got a stride of 2"),
        ((Q, K, V[:, :, ::-1]), {}, ValueError, r"'v' runs backwards along dimension 2: .*ascontiguousarray\(v\)"),
        ((MISALIGNED, K, V), {}, ValueError, "'q' is not aligned"),
        ((Q, K, V), {"out": READ_ONLY}, ValueError, "'out' is read-only"),
        ((Q, K, V), {"out": Q}, ValueError, "'out' and 'q' share memory"),
        ((Q, K, V), {"out": np.broadcast_to(Q[:, :1], Q.shape)}, ValueError, "'out' is read-only"),
        ((Q, K, V), {"threads": 1.5}, ValueError, "'threads' expects a number from 0 .* got 1.5"),
        ((Q, K, V), {"threads": 2**70}, ValueError, "'threads' expects"),
    ],
)
def test_refuses(attend, arguments, options, error, message):
    with pytest.raises(error, match=message):
        attend(*arguments, **options)


def test_outputs_that_overlap_are_told_from_those_that_interleave(attend):
    buffer = np.zeros((2, 40, 4, 4, 16), np.float32)  # [B,N,4,H,D]: Q, K, V and out in one
    q, k, v, out = buffer.transpose(2, 0, 3, 1, 4)
    for part, source in zip((q, k, v), make((3, 2, 4, 40, 16)), strict=True):
        part[...] = source
    attend(q, k, v, out=out)
    assert_close(out, *reference(q, k, v)[::2])
    before = buffer.copy()
    with pytest.raises(ValueError, match="'out' and 'v' share memory"):
        attend(q, k, v, out=v)
    flat = np.zeros(2 * 4 * 40 * 16 + 8, np.float32)
    shape, strides = (2, 4, 40, 16), (10240, 2560, 60, 4)  # rows of 16 elements, 15 apart
    with pytest.raises(ValueError, match="'out' has two elements in one place"):
        attend(q, k, v, out=np.lib.stride_tricks.as_strided(flat, shape, strides))
    assert (buffer == before).all() and (flat == 0).all()


def test_inputs_are_never_written(attend):
    q, k, v = Q.copy(), K.copy(), V.copy()
    attend(q, k, v)
    assert all((a == b).all() for a, b in zip((q, k, v), (Q, K, V), strict=True))


@pytest.mark.parametrize("threads", [0, 1, 2, 5])
def test_threads_change_nothing(attend, threads):
    q, k, v = (make((3, 4, 130, 16), seed=seed) for seed in (1, 2, 3))
    assert (attend(q, k, v, threads=threads) == attend(q, k, v)).all()


def test_calls_from_several_threads_keep_apart(attend):
    problems = [tuple(make((1, 4, 70 + i, 16), seed=i + j) for j in range(3)) for i in range(8)]
    want = [attend(*problem) for problem in problems]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for got, expected in zip(pool.map(lambda p: attend(*p, threads=2), problems), want, strict=True):
                assert (got == expected).all()


def test_other_python_threads_run_during_a_call(attend):
    q, k, v = (make((1, 4, 2048, 16), seed=seed) for seed in (1, 2, 3))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)  # nobody gives the lock away but by waiting, or by releasing it for a call
    try:
        ran, started, done = [], threading.Event(), threading.Event()

        def count():
            started.set()
            while not done.wait(0.0005):
                ran.append(1)

        other = threading.Thread(target=count)
        other.start()
        started.wait()
        before = len(ran)
        for _ in range(300):  # on a busy machine the other thread may be late
            attend(q, k, v)
            after = len(ran)
            if after > before:
                break
        done.set()
        other.join()
    finally:
        sys.setswitchinterval(interval)
    assert after > before


CACHE = "tensor<?x2x?x8xf32>"
APPEND = f"""
func.func @append(%rows: {CACHE} {{attn.name = "rows"}}, %cache: {CACHE} {{attn.name = "cache"}},
                  %at: tensor<?xi32> {{attn.name = "at"}}) -> {CACHE} {{
  %0 = attn.append_kv %rows, %cache at(%at : tensor<?xi32>) : ({CACHE}, {CACHE}) -> {CACHE}
  return %0 : {CACHE}
}}"""


@pytest.fixture(scope="module")
def append():
    return attn_mlir.compile(APPEND).kernel


def test_what_is_updated_in_place(append):
    assert append.signature == (
        "append(rows: float32[?, 2, ?, 8], inout cache: float32[?, 2, ?, 8], at: int32[?]) -> None"
    )
    assert [a.kind for a in append.arguments] == ["input", "inout", "input"] and not append.outputs
    rows, cache = make((3, 2, 2, 8)), make((3, 2, 7, 8), seed=3)
    wide = np.full((3, 2, 11, 8), np.nan, np.float32)
    in_place = wide[:, :, 2:9]
    in_place[:] = cache
    at = np.array([0, 5, 3], np.int32)
    assert append(rows, in_place, at, threads=2) is None
    for b, position in enumerate(at):
        cache[b, :, position : position + 2] = rows[b]
    np.testing.assert_array_equal(in_place, cache)
    assert np.isnan(wide[:, :, [0, 1, 9, 10]]).all()


@pytest.mark.parametrize("at", [[0, -1, 3], [0, 6, 3], [2**31 - 1, 0, 0], [-(2**31), 0, 0]])
def test_no_row_leaves_what_is_updated(append, at):
    rows, cache = make((3, 2, 2, 8)), make((3, 2, 7, 8), seed=3)
    before = cache.copy()
    with pytest.raises(ValueError, match="append\\(\\): an element of an input is a position outside"):
        append(rows, cache, np.array(at, np.int32))
    np.testing.assert_array_equal(cache, before)


def test_what_may_not_be_updated(append):
    rows, cache, at = make((3, 2, 2, 8)), make((3, 2, 7, 8), seed=3), np.zeros(3, np.int32)
    with pytest.raises(
        ValueError, match="'cache' and 'rows' share memory: what is written in place may overlap no other"
    ):
        append(cache[:, :, 1:3], cache, at)
    with pytest.raises(ValueError, match="'cache' has two elements in one place"):
        append(rows, np.lib.stride_tricks.as_strided(cache, cache.shape, (0, *cache.strides[1:])), at)
    cache.flags.writeable = False
    with pytest.raises(ValueError, match="'cache' is read-only: what is updated in place is written"):
        append(rows, cache, at)
    with pytest.raises(TypeError, match="misses 'cache'"):
        append(rows, at=at)
    with pytest.raises(ValueError, match="sizes of arguments disagree: rows \\[3, 2, 2, 8\\] cache \\[2, 2, 7, 8\\]"):
        append(rows, make((2, 2, 7, 8)), at)
