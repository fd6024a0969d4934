# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Appends rows to caches in place and attends to them, beside numpy: not through the compiler's reference, which judges
too. Elements of a cache must be the same bits: new rows in their places, everything else as it was.

usage: append_kv.py
"""

import pathlib
import subprocess
import tempfile

import numpy as np
from judge import finish, judge_output

HEADS, KV_HEADS, D = 4, 2, 24
CASES = [  # stored type, batch, new rows, capacity, layout, what makes the rows, threads, placement
    ("f32", 3, 1, 70, "bhnd", "copy", 2, "dense"),
    ("f16", 2, 67, 131, "bnhd", "copy", 1, "padded"),
    ("bf16", 2, 5, 5, "bhnd", "copy", 1, "guarded"),
    ("f32", 2, 7, 66, "bnhd", "rope", 2, "permuted"),
    ("i8", 2, 3, 40, "bhnd", "quantise", 1, "dense"),
    ("f32", 2, 0, 9, "bhnd", "copy", 1, "dense"),
    ("f32", 1, 1, 1, "bnhd", "copy", 2, "dense"),
]
MAPS = """#q = affine_map<(b, h, g, i, j, d, e) -> (b, h, g, i, d)>
#k = affine_map<(b, h, g, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, g, i, j, d, e) -> (b, h, j, e)>
#k_bnhd = affine_map<(b, h, g, i, j, d, e) -> (b, j, h, d)>
#v_bnhd = affine_map<(b, h, g, i, j, d, e) -> (b, j, h, e)>
#at = affine_map<(b, h, g, i, j, d, e) -> (b)>
#o = affine_map<(b, h, g, i, j, d, e) -> (b, h, g, i, e)>
#all = affine_map<(b, h, j, d) -> (b, h, j, d)>
"""
LOOPS = 'iterator_types = ["parallel", "parallel", "parallel", "parallel"]'


def elementwise(name, source, from_type, to_type, body):
    """An op that makes `name` of `source` [?,2,?,D] element by element; sizes come from `source`."""
    return f"""  %{name}_n = tensor.dim %{source}, %c2 : {from_type}
  %{name}_init = tensor.empty(%b, %{name}_n) : {to_type}
  %{name} = linalg.generic {{indexing_maps = [#all, #all], {LOOPS}}} ins(%{source} : {from_type})
    outs(%{name}_init : {to_type}) {{
{body}
  }} -> {to_type}
"""


def kernel(stored, layout, makes):
    def tensor(kind, rows="?"):
        return (
            f"tensor<?x{KV_HEADS}x{rows}x{D}x{kind}>" if layout == "bhnd" else f"tensor<?x{rows}x{KV_HEADS}x{D}x{kind}>"
        )

    given, cache = tensor("f32" if makes != "copy" else stored), tensor(stored)
    q = f"tensor<?x{KV_HEADS}x{HEADS // KV_HEADS}x?x{D}xf32>"
    clause = " layout(bnhd)" if layout == "bnhd" else ""
    tables = '%cos: tensor<?x6xf32> {attn.name = "cos"}, %sin: tensor<?x6xf32> {attn.name = "sin"}, '
    rows, keys, values, stored_as = "k", "keys", "values", stored
    code = "  %c0 = arith.constant 0 : index\n  %c2 = arith.constant 2 : index\n  %c3 = arith.constant 3 : index\n"
    code += f"  %b = tensor.dim %q, %c0 : {q}\n  %n = tensor.dim %q, %c3 : {q}\n"
    if makes == "rope":
        rows = "turned"
        code += (
            f"  %turned = attn.rope %k, %cos, %sin{clause} : ({given}, tensor<?x6xf32>, tensor<?x6xf32>) -> {given}\n"
        )
    if makes == "quantise":
        rows, keys, values, stored_as = "narrow", "wide_k", "wide_v", "f32"
        body = """  ^bb0(%x: f32, %unused: i8):
    %c16 = arith.constant 16.0 : f32
    %y = arith.mulf %x, %c16 : f32
    %z = arith.fptosi %y : f32 to i8
    linalg.yield %z : i8"""
        code += elementwise("narrow", "k", given, cache, body)
    append = f"at(%at : tensor<?xi32>){clause} : ({cache}, {cache}) -> {cache}"
    code += f"  %keys = attn.append_kv %{rows}, %k_cache {append}\n"
    if makes == "quantise":
        code += elementwise("narrow_v", "v", given, cache, body.replace("%x", "%u"))
        code += f"  %values = attn.append_kv %narrow_v, %v_cache {append}\n"
        for of in ("k", "v"):
            body = """  ^bb0(%x: i8, %unused: f32):
    %y = arith.sitofp %x : i8 to f32
    %c = arith.constant 0.0625 : f32
    %z = arith.mulf %y, %c : f32
    linalg.yield %z : f32"""
            code += elementwise(f"wide_{of}", "keys" if of == "k" else "values", cache, tensor("f32"), body)
    else:
        code += f"  %values = attn.append_kv %v, %v_cache {append}\n"
    read = tensor(stored_as)
    maps = "#q, #k_bnhd, #v_bnhd" if layout == "bnhd" else "#q, #k, #v"
    return f"""{MAPS}func.func @f(%q: {q} {{attn.name = "q"}}, %k: {given} {{attn.name = "k"}},
    %v: {given} {{attn.name = "v"}},
    {tables if makes == "rope" else ""}%k_cache: {cache} {{attn.name = "k_cache"}},
    %v_cache: {cache} {{attn.name = "v_cache"}}, %at: tensor<?xi32> {{attn.name = "at"}})
    -> ({cache}, {q} {{attn.name = "out"}}, {cache}) {{
{code}  %init = tensor.empty(%b, %n) : {q}
  %out = attn.generic ins(%q, %{keys}, %{values} : {q}, {read}, {read}) mask_ins(%at : tensor<?xi32>)
    outs(out %init : {q}) maps [{maps}, #at, #o] scale(0.25) normalizer(#attn.softmax)
    mask {{
    ^bb0(%at_b: i32):
      %i = attn.index 3
      %j = attn.index 4
      %held = arith.index_cast %at_b : i32 to index
      %last = arith.addi %held, %i : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }}
  return %keys, %out, %values : {cache}, {q}, {cache}
}}
"""


def turn(x):
    """`x` [B,H,T,D], its first 12 elements turned in halves by the angles of rows 0, 1, .."""
    angles = np.arange(x.shape[2])[:, None] * 10000.0 ** (-np.arange(6) / 6)
    turned = (x[..., :6] + 1j * x[..., 6:12]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag, x[..., 12:]], axis=-1)


def attend(q, k, v, at):
    """q [B,Hkv,G,N,D], k and v [B,Hkv,M,D]: key j of sequence b is seen by row i if j <= at[b] + i."""
    scores = 0.25 * np.einsum("bhgid,bhjd->bhgij", q, k)
    i, j = np.arange(q.shape[3])[:, None], np.arange(k.shape[2])
    kept = (j <= at[:, None, None] + i)[:, None, None]
    weights = np.where(kept, np.exp(scores), 0)
    return np.einsum("bhgij,bhje->bhgie", weights / weights.sum(-1, keepdims=True), v)


def narrow(x, stored):
    """As `stored` holds it; files have bf16 as f32."""
    if stored == "i8":
        return np.trunc(np.clip(16 * x, -128, 127)).astype(np.int8)
    return x.astype(np.float16 if stored == "f16" else np.float32)


def run(case, folder, random):
    stored, batch, new, capacity, layout, makes, threads, placement = case
    source = kernel(stored, layout, makes)
    (folder / "f.mlir").write_text(source)
    draw = lambda *shape: random.integers(-8, 9, shape) / 8  # noqa: E731
    q = draw(batch, KV_HEADS, HEADS // KV_HEADS, new + 1, D).astype(np.float32)
    k, v = draw(2, batch, KV_HEADS, new, D)
    caches = [narrow(x, stored) for x in draw(2, batch, KV_HEADS, capacity, D)]
    at = random.integers(0, capacity - new + 1, batch).astype(np.int32)
    at[0], at[-1] = 0, capacity - new
    rows = [turn(k) if makes == "rope" else k, v]
    grown = [cache.copy() for cache in caches]
    for cache, of in zip(grown, rows, strict=True):
        for b in range(batch):
            cache[b, :, at[b] : at[b] + new] = narrow(of[b], stored)
    scale = 16 if stored == "i8" else 1
    expected = attend(q.astype(np.float64), *(cache.astype(np.float64) / scale for cache in grown), at)
    swap = (lambda x: np.ascontiguousarray(x.transpose(0, 2, 1, 3))) if layout == "bnhd" else (lambda x: x)
    as_given = (lambda x: narrow(x, stored)) if makes == "copy" else (lambda x: x.astype(np.float32))
    inputs = {"q": q, "k": swap(as_given(k)), "v": swap(as_given(v)), "at": at}
    inputs |= {"k_cache": swap(caches[0]), "v_cache": swap(caches[1])}
    if makes == "rope":
        angles = np.arange(max(new, 1))[:, None] * 10000.0 ** (-np.arange(6) / 6)
        inputs |= {"cos": np.cos(angles).astype(np.float32), "sin": np.sin(angles).astype(np.float32)}
    command = ["attn-run", str(folder / "f.mlir"), "-O1", f"--threads={threads}", f"--strides={placement}"]
    command += [f"--output={name}={folder / f'{name}-after.npy'}" for name in ("k_cache", "v_cache")]
    # Weights and values are rounded to the accumulator's type, f32, only.
    if judge_output(command, folder, inputs, expected, 16 * 2**-24 * (8 if makes == "rope" else 1), source):
        return 1
    failed = 0
    for name, want in zip(("k_cache", "v_cache"), grown, strict=True):
        after = np.load(folder / f"{name}-after.npy")
        allowed = 2**-22 if makes == "rope" and name == "k_cache" else 0
        if not (np.abs(after.astype(np.float64) - swap(want)) <= allowed).all():
            print(source, f"{name} differs", sep="\n")
            failed = 1
    # One row too far, and one before the first.
    for bad in (capacity - new + 1, -1) if makes == "copy" and batch > 1 else ():
        np.save(folder / "at.npy", np.full(batch, bad, np.int32))
        refused = [option for option in command if not option.startswith("--output")]
        refused += [f"--input={name}={folder / f'{name}.npy'}" for name in inputs]
        result = subprocess.run(refused, capture_output=True, text=True)
        if result.returncode != 1 or "status 12, an element of an input is a position outside" not in result.stderr:
            print(source, f"position {bad} is not refused", result.stdout, result.stderr, sep="\n")
            failed = 1
    return failed


def main():
    random = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as folder:
        finish(len(CASES), sum(run(case, pathlib.Path(folder), random) for case in CASES))


main()
