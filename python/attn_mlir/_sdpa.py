# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention at once: the op's text is built for the arrays at hand, compiled once and kept."""

import functools
import operator
from typing import Any

from attn_mlir._core import Kernel
from attn_mlir._library import compile

_FLOATS = ("float32", "float16", "bfloat16")
_TYPES = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "bool": "i1", "int32": "i32"}

# Query rows of a row tile (docs/Architecture.md). From here on an unknown N costs at most 4 %, as do B and M always.
ROW_TILE = 64

# Ranks that a kernel keeps of a row at most (kMostRanks in lib/Dialect/Attention/Transforms/TopK.h).
MOST_RANKS = 64


def sdpa(
    q: Any,
    k: Any,
    v: Any,
    *,
    bias: Any = None,
    mask: Any = None,
    causal: str | bool | None = None,
    scale: float | None = None,
    layout: str = "bhnd",
    return_lse: bool = False,
    return_weights: bool = False,
    top_k: int | None = None,
    out: Any = None,
    threads: int = 1,
) -> Any:
    """Scaled dot-product attention, softmax(scale * q k^T + bias) v.

    Shapes, layout "bhnd": q [B,H,N,D], k [B,Hkv,M,D], v [B,Hkv,M,Dv], result [B,H,N,Dv]; layout "bnhd" has rows before
    heads. H is a multiple of Hkv: head h reads key head h // (H // Hkv). bias and mask broadcast to [B,H,N,M] as in
    numpy. q, k and v are float32, float16 or bfloat16 (numpy with ml_dtypes, or torch), bias float32 or of their type,
    mask bool. Any strides whose last one is 1: slices and transpositions are read in place.

    mask: True keeps a key. A row that keeps none gives zeros.
    causal: "top_left" keeps key j of row i for j <= i, "bottom_right" for j <= i + M - N (what a cache of keys needs);
    True where N = M, for then they are the same.
    scale: defaults to 1 / sqrt(D).
    return_lse: return (out, lse), lse the logarithm of each row's sum of exponentials, [B,H,N] in float32.
    return_weights: return all weights too, [B,H,N,M] in float32: memory of that size, and a second visit of the keys.
    top_k: return each row's top_k largest weights too, descending, [B,H,N,top_k] in float32, and their keys,
    [B,H,N,top_k] in int32. 1 to 64; the smaller of two keys with equal weights comes first; a row that keeps fewer keys
    ends with weights of 0 and keys of -1.
    Asked for more than out, a tuple returns: out, lse, weights, top_k's values and indices, those that were asked for.
    out: an array for the result, else one is allocated. threads: 0 for all CPUs.

    The first call with new H, Hkv, D, Dv, types or options compiles a kernel; B, M, and N from 64 on may change. The
    128 last used are kept. Raises TypeError and ValueError as Kernel does, CompileError for what the compiler
    cannot do.
    """
    arrays = (q, k, v, bias, mask)
    try:
        keys = [None if array is None else (array.dtype, tuple(array.shape)) for array in arrays]
    except AttributeError:
        names = zip(("q", "k", "v", "bias", "mask"), arrays, strict=True)
        name, wrong = next((n, a) for n, a in names if a is not None and not hasattr(a, "dtype"))
        raise TypeError(f"sdpa(): {name!r} expects an array, got {type(wrong).__name__}") from None
    results = _name_results(return_lse, return_weights, top_k)
    kernel = _find_kernel(
        *keys, causal, scale if scale is None else float(scale), layout, results, top_k and operator.index(top_k)
    )
    inputs = [array for array in arrays if array is not None]
    return kernel(*inputs, out=out, threads=threads)


@functools.lru_cache(maxsize=1024)
def _find_kernel(q, k, v, bias, mask, causal, scale, layout, results, top_k) -> Kernel:
    """The kernel for arguments that are None or (dtype, shape)."""
    named = [argument and (_get_type_name(argument[0]), argument[1]) for argument in (q, k, v, bias, mask)]
    return _compile(_write_text(*named, causal, scale, layout, results, top_k))


@functools.lru_cache(maxsize=128)
def _compile(text):
    return compile(text).kernel


def _get_type_name(dtype):
    # numpy's has a name, torch's only a text: "torch.float32".
    return getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]


def _name_results(return_lse, return_weights, top_k):
    """Kinds of results of attn.sdpa, in its order."""
    results = ["out"]
    if return_lse:
        results.append("lse")
    if return_weights:
        results.append("weights")
    if top_k is not None:
        # A bool is an int, and True no number of keys.
        if isinstance(top_k, bool) or not hasattr(top_k, "__index__"):
            raise TypeError(f"sdpa(): top_k expects None or an integer, got {type(top_k).__name__}")
        if not 1 <= top_k <= MOST_RANKS:
            raise ValueError(
                f"sdpa(): top_k expects 1 to {MOST_RANKS}, got {top_k}: ask for return_weights and rank them"
            )
        results += ["topk_values", "topk_indices"]
    return tuple(results)


def _write_text(q, k, v, bias, mask, causal, scale, layout, kinds, top_k):
    if layout not in ("bhnd", "bnhd"):
        raise ValueError(f"sdpa(): layout expects 'bhnd' or 'bnhd', got {layout!r}")
    batch, heads, rows, keys = _check_shapes(q, k, v, layout)
    _check_broadcast("bias", bias, (batch, heads, rows, keys), ("float32", q[0]))
    _check_broadcast("mask", mask, (batch, heads, rows, keys), ("bool",))

    # What the caller of the kernel chooses; heads and head sizes shape its code. So do rows that fill no row tile:
    # unknown, they would be computed as a whole one.
    chosen = {"B": "?", "N": rows if 0 < rows < ROW_TILE else "?", "M": "?"}
    letters = {"q": "BHND", "k": "BKMD", "v": "BKME", "out": "BHNE"}
    if layout == "bnhd":
        letters = {name: "".join(text[i] for i in (0, 2, 1, 3)) for name, text in letters.items()}

    def write_type(dtype, shape, letters):
        sizes = [chosen.get(letter, size) for letter, size in zip(letters, shape, strict=True)]
        return f"tensor<{''.join(f'{size}x' for size in sizes)}{_TYPES[dtype]}>"

    types = {name: write_type(*argument, letters[name]) for name, argument in (("q", q), ("k", k), ("v", v))}
    clauses = ""
    for name, argument in (("bias", bias), ("mask", mask)):
        if argument is not None:
            dtype, shape = argument
            # A size of 1 repeats and is a part of the kernel, so it keeps its number.
            marks = "".join("1" if size == 1 else mark for size, mark in zip(shape[::-1], "MNHB", strict=False))[::-1]
            types[name] = write_type(dtype, shape, marks)
            clauses += f" {name}(%{name} : {types[name]})"
    clauses += _write_causal(causal, rows, keys) + (" layout(bnhd)" if layout == "bnhd" else "")
    if scale is not None:
        clauses += f" scale({scale:.17e})"
    results = {"out": write_type(q[0], (*q[1][:3], v[1][3]), letters["out"])}
    more = {
        "lse": ("float32", (batch, heads, rows), "BHN"),
        "weights": ("float32", (batch, heads, rows, keys), "BHNM"),
        "topk_values": ("float32", (batch, heads, rows, top_k), "BHNT"),
        "topk_indices": ("int32", (batch, heads, rows, top_k), "BHNT"),
    }
    results |= {kind: write_type(*more[kind]) for kind in kinds[1:]}
    if len(kinds) > 1:
        clauses += f" returns({', '.join(kinds)})"
    parameters = ", ".join(f'%{name}: {text} {{attn.name = "{name}"}}' for name, text in types.items())
    named = ", ".join(f'{text} {{attn.name = "{name}"}}' for name, text in results.items())
    values = ", ".join(f"%{name}" for name in results)
    texts = ", ".join(results.values())
    return (
        f"func.func @sdpa({parameters}) -> ({named}) {{\n"
        f"  {values} = attn.sdpa %q, %k, %v{clauses}\n"
        f"      : ({types['q']}, {types['k']}, {types['v']}) -> {texts}\n"
        f"  return {values} : {texts}\n}}\n"
    )


def _write_causal(causal, rows, keys):
    if causal is None or causal is False:
        return ""
    if causal is True:
        if rows != keys:
            raise ValueError(
                f"sdpa(): causal=True says too little where N = {rows} and M = {keys} differ: "
                "expects 'top_left' or 'bottom_right'"
            )
        causal = "top_left"
    if causal not in ("top_left", "bottom_right"):
        raise ValueError(f"sdpa(): causal expects None, True, 'top_left' or 'bottom_right', got {causal!r}")
    return f" causal({causal})"


def _check_shapes(q, k, v, layout):
    """B, H, N and M of arguments that fit together."""
    for name, argument in (("q", q), ("k", k), ("v", v)):
        if argument is None:
            raise TypeError(f"sdpa(): {name!r} expects an array, got None")
        if argument[0] not in _FLOATS:
            raise TypeError(f"sdpa(): {name!r} expects {', '.join(_FLOATS)}, got {argument[0]}")
        if argument[0] != q[0]:
            raise TypeError(f"sdpa(): {name!r} expects the type of 'q', {q[0]}, got {argument[0]}")
        if len(argument[1]) != 4:
            raise ValueError(f"sdpa(): {name!r} expects 4 dimensions ({layout}), got shape {argument[1]}")
    order = (0, 1, 2, 3) if layout == "bhnd" else (0, 2, 1, 3)
    (b, h, n, d), (kb, kh, m, kd), (vb, vh, vm, _) = ([shape[i] for i in order] for _, shape in (q, k, v))
    for letter, names, sizes in (
        ("B", "'q', 'k' and 'v'", (b, kb, vb)),
        ("D", "'q' and 'k'", (d, kd)),
        ("Hkv", "'k' and 'v'", (kh, vh)),
        ("M", "'k' and 'v'", (m, vm)),
    ):
        if len(set(sizes)) > 1:
            raise ValueError(f"sdpa(): {names} expect one {letter}, got {' and '.join(map(str, sizes))}")
    if kh == 0 or h % kh:
        raise ValueError(f"sdpa(): expects H to be a multiple of Hkv, got H = {h} and Hkv = {kh}")
    return b, h, n, m


def _check_broadcast(name, argument, full, dtypes):
    if argument is None:
        return
    dtype, shape = argument
    if dtype not in dtypes:
        raise TypeError(f"sdpa(): {name!r} expects {' or '.join(dict.fromkeys(dtypes))}, got {dtype}")
    fits = 1 <= len(shape) <= 4 and all(s in (1, f) for s, f in zip(shape[::-1], full[::-1], strict=False))
    if not fits:
        raise ValueError(f"sdpa(): {name!r} expects a shape that broadcasts to [B,H,N,M] = {full}, got {shape}")
