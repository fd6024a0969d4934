# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles and runs attention of given head sizes on awkward shapes, layouts and values, each judged by attn-run.

usage: awkward_shapes.py SEED D[,D..] [D[,D..]..]      (1..256 stands for all of them)

For each D: a kernel with lse, of random element type, Dv, head group, layout and mask, called with two random sets of
lengths, strides and threads, and with NaN or infinities somewhere. Prints the command of every case that failed.
"""

import pathlib
import random
import sys
import tempfile

from judge import finish, judge

LENGTHS = [1, 2, 3, 7, 16, 63, 64, 65, 67, 129, 131, 200]
# Special values go into one column of V, a whole batch, one key feature, or so large that no score stays finite.
FILLS = [
    [],
    ["--fill=v=nan@:,:,:,0"],
    ["--fill=v=inf@0", "--fill=v=-inf@1", "--worst-case"],
    ["--fill=k=nan@1,:,:,0"],
    ["--fill=q=-inf@1"],
    ["--fill=k=1e30", "--fill=q=-1e30..1e30"],
    ["--fill=q=1", "--fill=k=2", "--fill=v=3", "--worst-case"],
]


def kernel(dtype, d, dv, heads, kv_heads, layout, causal):
    def tensor(h, size):
        return f"tensor<?x{h}x?x{size}x{dtype}>" if layout == "bhnd" else f"tensor<?x?x{h}x{size}x{dtype}>"

    q, k, v, out, lse = (
        tensor(heads, d),
        tensor(kv_heads, d),
        tensor(kv_heads, dv),
        tensor(heads, dv),
        f"tensor<?x{heads}x?xf32>",
    )
    options = (f" causal({causal})" if causal else "") + (" layout(bnhd)" if layout == "bnhd" else "")
    return f"""func.func @f(%q: {q} {{attn.name = "q"}}, %k: {k} {{attn.name = "k"}}, %v: {v} {{attn.name = "v"}})
    -> ({out}, {lse}) {{
  %o, %lse = attn.sdpa %q, %k, %v{options} returns(out, lse) : ({q}, {k}, {v}) -> {out}, {lse}
  return %o, %lse : {out}, {lse}
}}
"""


def run(d, random, folder):
    """Both calls of one kernel; returns how many failed."""
    dv = random.choice([d, random.randint(1, 256)])
    kv_heads = random.choice([1, 2])
    heads = kv_heads * random.choice([1, 3])
    layout = random.choice(["bhnd", "bnhd"])
    file = folder / f"{d}.mlir"
    dtype, causal = random.choice(["f32", "f32", "bf16", "f16"]), random.choice(["", "top_left", "bottom_right"])
    file.write_text(kernel(dtype, d, dv, heads, kv_heads, layout, causal))

    def shape(name, h, length, size):
        return f"--shape={name}=" + (f"2x{h}x{length}x{size}" if layout == "bhnd" else f"2x{length}x{h}x{size}")

    failed = 0
    for _ in range(2):
        n, m = random.choice(LENGTHS), random.choice(LENGTHS)
        command = ["attn-run", str(file), "--compare", shape("q", heads, n, d), shape("k", kv_heads, m, d)]
        command += [shape("v", kv_heads, m, dv), f"--seed={random.randint(1, 999)}"]
        command += ["--strides=" + random.choice(["dense", "guarded", "padded", "permuted"])]
        command += [f"--threads={random.choice([1, 2])}", *random.choice(FILLS)]
        failed += judge(command, file.read_text())
    return failed


def main():
    sizes = []
    for word in ",".join(sys.argv[2:]).split(","):
        first, _, last = word.partition("..")
        sizes += range(int(first), int(last or first) + 1)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for d in sizes:
            failed += run(d, random.Random(f"{sys.argv[1]} {d}"), pathlib.Path(folder))
    finish(2 * len(sizes), failed)


if __name__ == "__main__":
    main()
