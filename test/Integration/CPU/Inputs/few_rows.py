# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles and runs attention with few query rows (decoding) on awkward shapes, each judged by attn-run.

usage: few_rows.py SEED D[,D..] [CPU]

For each D: a kernel with lse and, half of the time, weights, of random element type, Dv, N, head group, layout, bias,
mask and score region, called with two random numbers of keys, strides and threads, and with NaN or infinities
somewhere. Prints the command of every case that failed.
"""

import pathlib
import random
import sys
import tempfile

from judge import finish, judge

KEYS = [0, 1, 2, 15, 16, 17, 65, 127, 128, 129, 300, 1037]
# Special values go into one column of V, a batch, one key feature, or so large that no score stays finite.
FILLS = [
    [],
    [],
    ["--fill=v=nan@:,:,:,0"],
    ["--fill=v=inf@0", "--fill=v=-inf@1", "--worst-case"],
    ["--fill=k=nan@1,:,:,0"],
    ["--fill=k=1e30", "--fill=q=-1e30..1e30"],
    ["--fill=q=1", "--fill=k=2", "--fill=v=3", "--worst-case"],
]


def tensor(sizes, dtype):
    return "tensor<" + "x".join(str(size) for size in [*sizes, dtype]) + ">"


def sdpa(case):
    """attn.sdpa with what it can say."""

    def kind(rows, heads, size, dtype):
        return tensor(["?", heads, rows, size] if case["layout"] == "bhnd" else ["?", rows, heads, size], dtype)

    heads, kv_heads, dtype = case["heads"], case["kv_heads"], case["dtype"]
    q, out = kind(case["n"], heads, case["d"], dtype), kind(case["n"], heads, case["dv"], dtype)
    k, v = kind("?", kv_heads, case["d"], dtype), kind("?", kv_heads, case["dv"], dtype)
    arguments, clauses = [("q", q), ("k", k), ("v", v)], ""
    if case["bias"]:
        arguments.append(("bias", tensor([1, heads, case["n"], "?"], "f32")))
        clauses += f" bias(%bias : {arguments[-1][1]})"
    if case["mask"]:
        arguments.append(("mask", tensor(["?", 1, 1, "?"], "i1")))
        clauses += f" mask(%mask : {arguments[-1][1]})"
    if case["causal"]:
        clauses += f" causal({case['causal']})"
    results = [("out", out), ("lse", tensor(["?", heads, case["n"]], "f32"))]
    if case["weights"]:
        results.append(("weights", tensor(["?", heads, case["n"], "?"], "f32")))
    names, kinds = ", ".join(name for name, _ in results), ", ".join(kind for _, kind in results)
    listed = ", ".join(f'%{name}: {kind} {{attn.name = "{name}"}}' for name, kind in arguments)
    values = ", ".join(f"%r{number}" for number in range(len(results)))
    return f"""func.func @f({listed})
    -> ({kinds}) {{
  {values} = attn.sdpa %q, %k, %v{clauses} layout({case["layout"]}) returns({names}) : ({q}, {k}, {v}) -> {kinds}
  return {values} : {kinds}
}}
"""


def generic(case):
    """attn.generic over b, h, g, j, d, e with a softcap and a window; g is the group of query heads."""
    group = case["heads"] // case["kv_heads"]
    q, out = (
        tensor(["?", case["kv_heads"], group, case["d"]], case["dtype"]),
        tensor(["?", case["kv_heads"], group, case["dv"]], case["dtype"]),
    )
    k, v = (
        tensor(["?", case["kv_heads"], "?", case["d"]], case["dtype"]),
        tensor(["?", case["kv_heads"], "?", case["dv"]], case["dtype"]),
    )
    return f"""func.func @f(%q: {q} {{attn.name = "q"}}, %k: {k} {{attn.name = "k"}}, %v: {v} {{attn.name = "v"}})
    -> {out} {{
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : {q}
  %m = tensor.dim %k, %c2 : {k}
  %init = tensor.empty(%b) : {out}
  %o = attn.generic ins(%q, %k, %v : {q}, {k}, {v}) captures(%m : index) outs(out %init : {out})
    maps [affine_map<(b, h, g, j, d, e) -> (b, h, g, d)>, affine_map<(b, h, g, j, d, e) -> (b, h, j, d)>,
          affine_map<(b, h, g, j, d, e) -> (b, h, j, e)>, affine_map<(b, h, g, j, d, e) -> (b, h, g, e)>]
    scale(0.25) normalizer(#attn.softmax)
    score {{
    ^bb0(%s: f32, %last: index):
      %cap = arith.constant 5.0 : f32
      %inverse = arith.constant 0.2 : f32
      %x = arith.mulf %s, %inverse : f32
      %y = math.tanh %x : f32
      %z = arith.mulf %y, %cap : f32
      attn.yield %z : f32
    }}
    mask {{
    ^bb0(%last: index):
      %width = arith.constant 100 : index
      %j = attn.index 3
      %distance = arith.subi %last, %j : index
      %near = arith.cmpi slt, %distance, %width : index
      attn.yield %near : i1
    }}
  return %o : {out}
}}
"""


def choose(d, random):
    kv_heads, group = random.choice([1, 2]), random.choice([1, 1, 2, 3, 4, 5, 7, 8, 16])
    return {
        "d": d,
        "dv": random.choice([d, random.randint(1, 256), 128]),
        "n": random.choice([1, 1, 2, 3, 4]),
        "heads": kv_heads * group,
        "kv_heads": kv_heads,
        "dtype": random.choice(["f32", "f32", "bf16", "f16"]),
        "layout": random.choice(["bhnd", "bnhd"]),
        "bias": random.random() < 0.3,
        "mask": random.random() < 0.3,
        "causal": random.choice(["", "", "top_left", "bottom_right"]),
        "weights": random.random() < 0.5,
        "regions": random.random() < 0.2,
    }


def run(d, random, folder, cpu):
    """Both calls of one kernel; returns how many failed."""
    case = choose(d, random)
    file = folder / f"{d}.mlir"
    file.write_text(generic(case) if case["regions"] else sdpa(case))
    failed = 0
    for _ in range(2):
        m = random.choice(KEYS)

        def shape(name, heads, length, size, isBhnd=case["layout"] == "bhnd"):
            return f"--shape={name}=" + (f"2x{heads}x{length}x{size}" if isBhnd else f"2x{length}x{heads}x{size}")

        command = ["attn-run", str(file), "--compare", f"--seed={random.randint(1, 999)}", *cpu]
        if case["regions"]:
            group = case["heads"] // case["kv_heads"]
            command += [f"--shape=q=2x{case['kv_heads']}x{group}x{d}"]
            command += [shape("k", case["kv_heads"], m, d, True), shape("v", case["kv_heads"], m, case["dv"], True)]
        else:
            command += [shape("q", case["heads"], case["n"], d), shape("k", case["kv_heads"], m, d)]
            command += [shape("v", case["kv_heads"], m, case["dv"])]
            if case["bias"]:
                command += [f"--shape=bias=1x{case['heads']}x{case['n']}x{m}"]
            if case["mask"]:
                command += [f"--shape=mask=2x1x1x{m}"]
        command += ["--strides=" + random.choice(["dense", "guarded", "padded", "permuted"])]
        command += [f"--threads={random.choice([1, 2])}"] + (random.choice(FILLS) if m > 1 else [])
        failed += judge(command, file.read_text())
    return failed


def main():
    sizes = [int(word) for word in sys.argv[2].split(",")]
    cpu = [f"--cpu={sys.argv[3]}"] if len(sys.argv) > 3 else []
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for d in sizes:
            failed += run(d, random.Random(f"{sys.argv[1]} {d}"), pathlib.Path(folder), cpu)
    finish(2 * len(sizes), failed)


if __name__ == "__main__":
    main()
