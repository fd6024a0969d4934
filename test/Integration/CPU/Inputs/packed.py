# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs attn.packed beside numpy, which attends to one sequence after the other: not through the compiler's reference,
which judges what attn-normalize made of the op. What other sequences hold must not matter: one of them holds NaN.

usage: packed.py
"""

import pathlib
import tempfile

import numpy as np
from judge import finish, judge, judge_output

HEADS, KV_HEADS, D, DV = 4, 2, 16, 24
CASES = [  # element type, type of the sums, causal, query rows and key rows of each sequence, rows that are in none
    ("f32", "i32", None, [(70, 70), (1, 131), (0, 9), (5, 0), (3, 64), (64, 1)], 2),
    ("f32", "i64", "top_left", [(3, 66), (130, 130), (1, 1), (65, 20)], 0),
    ("f32", "i32", "bottom_right", [(67, 131), (20, 7), (0, 0), (1, 200), (1, 3)], 70),
    ("bf16", "i64", "bottom_right", [(33, 100), (100, 33)], 0),
    ("f16", "i32", None, [(1, 40)] * 9, 0),
    ("f32", "i32", None, [], 5),
    # K and V are eighths of i8, made by an elementwise op, and Q is scaled by one.
    ("i8", "i32", "bottom_right", [(67, 131), (20, 7), (0, 0), (1, 200), (1, 3)], 70),
    ("i8", "i64", None, [(1, 1)], 0),
]


def kernel(dtype, sums, causal, static):
    q, k, v, o = (f"tensor<?x{h}x{d}x{dtype}>" for h, d in ((HEADS, D), (KV_HEADS, D), (KV_HEADS, DV), (HEADS, DV)))
    s, lse = f"tensor<{static}x{sums}>", f"tensor<{HEADS}x?xf32>"
    clause = f" causal({causal})" if causal else ""
    return f"""func.func @f(%q: {q} {{attn.name = "q"}}, %k: {k} {{attn.name = "k"}}, %v: {v} {{attn.name = "v"}},
    %r: {s} {{attn.name = "r"}}, %s: {s} {{attn.name = "s"}})
    -> ({o} {{attn.name = "out"}}, {lse} {{attn.name = "lse"}}) {{
  %o, %l = attn.packed %q, %k, %v rows(%r : {s}) keys(%s : {s}){clause} returns(out, lse)
    : ({q}, {k}, {v}) -> {o}, {lse}
  return %o, %l : {o}, {lse}
}}
"""


def produce(name, kept, stored):
    """`name` made of `name`_in: an eighth of each element, as f32."""
    made = kept.replace("i8", "f32")
    wide = "%x = arith.sitofp %a : i8 to f32" if stored == "i8" else "%x = arith.addf %a, %a : f32"
    factor = 1 / 8 if stored == "i8" else 1 / 2
    maps = ", ".join(["affine_map<(j, h, d) -> (j, h, d)>"] * 2)
    return f"""  %{name}_size = tensor.dim %{name}_in, %zero : {kept}
  %{name}_init = tensor.empty(%{name}_size) : {made}
  %{name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel", "parallel"]}}
    ins(%{name}_in : {kept}) outs(%{name}_init : {made}) {{
  ^bb0(%a: {stored}, %unused: f32):
    {wide}
    %factor = arith.constant {factor} : f32
    %y = arith.mulf %x, %factor : f32
    linalg.yield %y : f32
  }} -> {made}
"""


def kernel_of_producers(sums, causal):
    """As kernel(), with K and V out of i8."""
    text = kernel("f32", sums, causal, "?")
    q, k, v = f"tensor<?x{HEADS}x{D}xf32>", f"tensor<?x{KV_HEADS}x{D}xi8>", f"tensor<?x{KV_HEADS}x{DV}xi8>"
    made = "  %zero = arith.constant 0 : index\n" + produce("q", q, "f32") + produce("k", k, "i8")
    made += produce("v", v, "i8")
    for name, kept in (("q", q), ("k", k), ("v", v)):
        text = text.replace(f"%{name}: {kept.replace('i8', 'f32')} {{", f"%{name}_in: {kept} {{", 1)
    return text.replace("  %o, %l =", made + "  %o, %l =", 1)


def attend(q, k, v, causal):
    """One sequence: q [N,H,D], k [M,Hkv,D], v [M,Hkv,Dv]."""
    n, m = len(q), len(k)
    k, v = (np.repeat(x, HEADS // KV_HEADS, axis=1) for x in (k, v))
    scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(D)
    i, j = np.arange(n)[:, None], np.arange(m)
    kept = j <= i + (m - n if causal == "bottom_right" else 0) if causal else np.full((n, m), True)
    weights = np.where(kept, np.exp(scores), 0)
    total = weights.sum(axis=-1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    with np.errstate(divide="ignore"):
        return np.einsum("hij,jhe->ihe", weights, v), np.log(total[..., 0])


def run(case, folder, random):
    dtype, sums, causal, sequences, more = case
    if dtype == "i8":
        source = kernel_of_producers(sums, causal)
    else:
        source = kernel(dtype, sums, causal, len(sequences) + 1 if dtype == "f16" else "?")
    (folder / "f.mlir").write_text(source)
    rows, keys = (np.concatenate([[0], np.cumsum([s[i] for s in sequences])]).astype(int) for i in (0, 1))
    # Whole numbers of 1/8 are the same in each element type; files hold bf16 as f32.
    draw = lambda *shape: random.integers(-8, 9, shape) / 8  # noqa: E731
    q, k, v = draw(rows[-1] + more, HEADS, D), draw(keys[-1] + 3, KV_HEADS, D), draw(keys[-1] + 3, KV_HEADS, DV)
    # What is behind the last sequence is nobody's.
    if dtype != "i8":
        k[keys[-1] :], v[keys[-1] :] = np.nan, np.nan
    out, lse = np.zeros((len(q), HEADS, DV)), np.full((HEADS, len(q)), -np.inf)
    for s in range(len(sequences)):
        mine, its = slice(rows[s], rows[s + 1]), slice(keys[s], keys[s + 1])
        out[mine], lse[:, mine] = attend(q[mine], k[its], v[its], causal)
    stored_as = np.float16 if dtype == "f16" else np.float32
    inputs = {name: x.astype(stored_as) for name, x in (("q", q), ("k", k), ("v", v))}
    if dtype == "i8":
        inputs |= {name: (8 * x).astype(np.int8) for name, x in (("k", k), ("v", v))}
    inputs |= {name: x.astype(np.int32 if sums == "i32" else np.int64) for name, x in (("r", rows), ("s", keys))}
    unit = {"f32": 2**-24, "f16": 2**-11, "bf16": 2**-8}.get(dtype, 2**-24)
    command = ["attn-run", str(folder / "f.mlir"), "-O1", "--threads=2", f"--output=lse={folder / 'lse.npy'}"]
    if judge_output(command, folder, inputs, out, 16 * unit, source):
        return 1
    got = np.load(folder / "lse.npy")
    if not np.array_equal(np.isneginf(got), np.isneginf(lse)) or not np.allclose(got, lse, atol=1e-5):
        print(source, "lse differs", sep="\n")
        return 1
    return 0


def run_nonsense(folder):
    """Sums that descend, and leave the tensors: nothing beyond is read, and the reference chooses the same keys."""
    (folder / "f.mlir").write_text(kernel("f32", "i32", "bottom_right", "?"))
    shapes = [f"--shape={name}={sizes}" for name, sizes in (("q", "67x4x16"), ("k", "70x2x16"), ("v", "70x2x24"))]
    shapes += ["--shape=r=9", "--shape=s=9", "--fill=r=-200..200", "--fill=s=-200..200"]
    fill = "--fill=r=-2147483648@0 --fill=r=2147483647@5 --fill=s=2147483647@3 --fill=s=-2147483648@6"
    more = f"--call={' '.join(shapes)} {fill} --seed=2 --strides=guarded"
    return judge(["attn-run", str(folder / "f.mlir"), "-O1", "--compare", "--strides=guarded", *shapes, more])


def main():
    random = np.random.default_rng(17)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        finish(len(CASES) + 1, sum(run(case, path, random) for case in CASES) + run_nonsense(path))


main()
