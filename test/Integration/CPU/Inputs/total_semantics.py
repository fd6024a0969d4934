# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls attention with what has no ordinary answer: no keys or rows, NaN, infinities, huge or equal scores.

usage: total_semantics.py ROWS TYPE [split | gpu]

ROWS, ? or a number, and TYPE choose the path through the compiler; split divides keys among threads, gpu goes to an
emulated GPU, whose kernels return no weights and no entropy.

Two kernels, one whose masks and biases are operands and one whose mask is arithmetic, each called with every case below
and judged by attn-run. A case says what is set beside random numbers. No element may be exempt from judgement.
Prints the call of every case that failed.
"""

import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

from judge import finish

B, H, HKV, D, DV = 2, 2, 1, 16, 24
# Keys, and keys of a call that divides them among threads: at least two parts.
KEYS, SPLIT_KEYS = 150, 2100
# Query rows where N is not known. On a CPU few rows have a tile of their own; on a GPU 20 leave two warps without rows.
ROWS, GPU_ROWS = [70, 5], [20]

# Positions of bias and mask are b, h, i, j; of q, k and v b, h, i or j, d or e. Ranges beyond a size are cut to it.
OPERANDS = {
    "nothing unusual": "",
    "some rows without keys": "mask=0@:,:,1:3",
    "row 0 without keys, its query NaN": "mask=0@:,:,0 q=nan@:,:,0",
    "no row with a key": "mask=0",
    "no row with a key, by -inf": "bias=-inf",
    "one key": "mask=0 mask=1@:,:,:,77",
    "all but one key -inf": "bias=-inf bias=2@:,:,:,149",
    "masked keys NaN": "mask=0@:,:,:,5:90 k=nan@:,:,5:90 v=nan@:,:,5:90 bias=nan@:,:,:,5:90",
    "masked keys inf": "mask=0@:,:,:,64: k=inf@:,:,64: v=inf@:,:,64: bias=inf@:,:,:,64:",
    "masked keys -inf": "mask=0@:,:,:,:64 k=-inf@:,:,:64 v=-inf@:,:,:64 bias=-inf@:,:,:,:64",
    "dropped by -inf, v NaN": "bias=-inf@:,:,:,3:131 v=nan@:,:,3:131",
    "q NaN": "q=nan@0,1,0,3",
    "k NaN": "k=nan@1,0,149,0",
    "v NaN": "v=nan@0,0,7,2",
    "bias NaN": "bias=nan@:,:,0,70",
    "q inf": "q=inf@0,0,0,1",
    "k inf": "k=inf@0,1,5,:",
    "k -inf and q 0": "k=-inf@:,:,9 q=0",
    "v inf": "v=inf@1,:,0,0",
    "v inf and -inf": "v=inf@0,:,0,1 v=-inf@0,:,1,1",
    "bias inf": "bias=inf@:,:,0,4",
    "bias inf and -inf": "bias=inf@:,:,0,4 bias=-inf@:,:,0,5:",
    "scores of 1e4": "q=50 k=50 worst",
    "scores of 1e4 and -1e4": "q=50 k=50 k=-50@:,:,::2 worst",
    "scores of -1e4": "q=50 k=-50 worst",
    "scores up to 1e4": "q=-50..50 k=-50..50",
    "bias of 1e4": "bias=1e4@:,:,:,130:",
    "bias of -1e4": "bias=-1e4@:,:,:,:130",
    "bias of -1e4 everywhere": "bias=-1e4",
    "equal scores": "q=0 bias=0 worst",
    "equal scores and values": "q=0 bias=3 v=0.5 worst",
}
ARITHMETIC = {
    "nothing unusual": "lengths=0..150 p=60",
    "lengths of 0": "lengths=0 p=1000",
    "one length of 0, its batch NaN": "lengths=0@0 lengths=150@1 p=1000 q=nan@0 k=nan@0 v=nan@0",
    "lengths below 0 and beyond M": "lengths=-7@0 lengths=400@1 p=1000",
    "NaN beyond the length": "lengths=41 p=1000 k=nan@:,:,41: v=nan@:,:,41:",
    "inf beyond the length": "lengths=64 p=1000 k=inf@:,:,64: v=-inf@:,:,64:",
    "first rows without keys, their queries NaN": "lengths=150 p=-2 q=nan@:,:,:2",
    "no row with a key": "lengths=150 p=-1000 k=nan v=nan",
    "NaN behind the diagonal": "lengths=150 p=0 k=nan@:,:,70: v=inf@:,:,70:",
    "NaN on the diagonal": "lengths=150 p=0 k=nan@0,0,0",
    "k inf": "lengths=99 p=1000 k=inf@0,1,5,:",
    "v inf and -inf": "lengths=150 p=1000 v=inf@0,:,0,1 v=-inf@0,:,1,1",
    "scores of 1e4 and -1e4": "lengths=130 p=40 q=50 k=50 k=-50@:,:,::2 worst",
    "equal scores": "lengths=150 p=1000 q=0 worst",
}


def tensor(*sizes):
    *sizes, element = sizes
    return "tensor<" + "x".join(map(str, [*sizes, element])) + ">"


def operands_kernel(rows, dtype, has_more):
    """With lse and, where `has_more`, with weights and the 3 largest of them."""
    q, k, v = tensor("?", H, rows, D, dtype), tensor("?", HKV, "?", D, dtype), tensor("?", HKV, "?", DV, dtype)
    bias, mask = tensor(1, 1, rows, "?", "f32"), tensor("?", 1, rows, "?", "i1")
    kinds = [tensor("?", H, rows, DV, dtype), tensor("?", H, rows, "f32")]
    names = "out, lse"
    if has_more:
        kinds += [tensor("?", H, rows, size, element) for size, element in [("?", "f32"), (3, "f32"), (3, "i32")]]
        names += ", weights, topk_values, topk_indices"
    results = ", ".join(kinds)
    values = ", ".join(f"%r#{number}" for number in range(len(kinds)))
    return f"""func.func @f(%q: {q} {{attn.name = "q"}}, %k: {k} {{attn.name = "k"}}, %v: {v} {{attn.name = "v"}},
    %bias: {bias} {{attn.name = "bias"}}, %mask: {mask} {{attn.name = "mask"}}) -> ({results}) {{
  %r:{len(kinds)} = attn.sdpa %q, %k, %v bias(%bias : {bias}) mask(%mask : {mask}) returns({names})
     : ({q}, {k}, {v}) -> {results}
  return {values} : {results}
}}
"""


def arithmetic_kernel(rows, dtype, has_entropy):
    """j < lengths[b] and j <= i + p, over b, h, g (query heads of a key head), i, j, d, e."""
    group = H // HKV
    q, out = tensor("?", HKV, group, rows, D, dtype), tensor("?", HKV, group, rows, DV, dtype)
    k, v = tensor("?", HKV, "?", D, dtype), tensor("?", HKV, "?", DV, dtype)
    row = tensor("?", HKV, group, rows, "f32")
    loops = "b, h, g, i, j, d, e"
    sizes = "%b, %n" if rows == "?" else "%b"
    of_rows = ["lse", "max", "entropy"] if has_entropy else ["lse", "max"]
    maps = ["b, h, g, i, d", "b, h, j, d", "b, h, j, e", "b", "b, h, g, i, e", *["b, h, g, i"] * len(of_rows)]
    listed = ", ".join(f"affine_map<({loops}) -> ({each})>" for each in maps)
    results = ", ".join([out, *[row] * len(of_rows)])
    outs = ", ".join([f"out %init : {out}", *(f"{kind} %row : {row}" for kind in of_rows)])
    values = ", ".join(f"%r#{number}" for number in range(1 + len(of_rows)))
    return f"""func.func @f(%q: {q} {{attn.name = "q"}}, %k: {k} {{attn.name = "k"}}, %v: {v} {{attn.name = "v"}},
    %lengths: tensor<?xi32> {{attn.name = "lengths"}}, %p: index {{attn.name = "p"}}) -> ({results}) {{
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %b = tensor.dim %q, %c0 : {q}
  %n = tensor.dim %q, %c3 : {q}
  %init = tensor.empty({sizes}) : {out}
  %row = tensor.empty({sizes}) : {row}
  %r:{1 + len(of_rows)} = attn.generic ins(%q, %k, %v : {q}, {k}, {v})
    mask_ins(%lengths : tensor<?xi32>) captures(%p : index)
    outs({outs})
    maps [{listed}] scale(0.25) normalizer(#attn.softmax)
    mask {{
    ^bb0(%length: i32, %past: index):
      %i = attn.index 3
      %j = attn.index 4
      %end = arith.index_cast %length : i32 to index
      %inside = arith.cmpi slt, %j, %end : index
      %last = arith.addi %i, %past : index
      %seen = arith.cmpi sle, %j, %last : index
      %keep = arith.andi %inside, %seen : i1
      attn.yield %keep : i1
    }}
  return {values} : {results}
}}
"""


def make_call(words, shapes, number, threads):
    """The call in the words of attn-run."""
    call = [f"--shape={name}={'x'.join(map(str, sizes))}" for name, sizes in shapes.items()]
    call += [f"--seed={number}", f"--threads={threads}"]
    for word in words.split():
        if word == "worst":
            call.append("--worst-case")
        elif word.startswith("p="):
            call.append(f"--arg={word}")
        elif word.endswith("::2"):  # every other key
            call += [f"--fill={word.removesuffix('::2')}{key}" for key in range(0, KEYS, 2)]
        else:
            call.append(f"--fill={word}")
    return call


def run(source, cases, get_shapes, rows, way):
    """Calls one kernel with every case, then with no batch, no key and no row. Returns calls made, and calls failed."""
    calls, names = [], []

    def add(name, b, n, m):
        names.append(f"{name}, B = {b}, N = {n}, M = {m}")
        number = len(calls) + 1
        threads = {"gpu": 1, "split": 13}.get(way, 1 + number % 2)
        calls.append(make_call(cases[name], get_shapes(b, n, m), number, threads))

    keys = SPLIT_KEYS if way == "split" else KEYS
    for n in [int(rows)] if rows != "?" else GPU_ROWS if way == "gpu" else ROWS:
        for name in cases:
            add(name, B, n, keys)
        for b, m in [(0, keys), (B, 0), (0, 0)]:
            add("nothing unusual", b, n, m)
    if rows == "?":
        add("nothing unusual", B, 0, keys)
        add("nothing unusual", B, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "kernel.mlir"
        file.write_text(source)
        # -O1 halves the time: what LLVM does on top of it is not what is tested here.
        more = [f"--call={' '.join(call)}" for call in calls[1:]]
        target = ["--target=nvidia-emulated"] if way == "gpu" else []
        command = ["attn-run", str(file), *calls[0], *more, *target, "-O1", "--compare"]
        result = subprocess.run(command, capture_output=True, text=True)
    reports = re.split(r"^f: .*\n", result.stdout, flags=re.MULTILINE)[1:]
    failed = len(calls) - len(reports)
    for name, call, report in zip(names, calls, reports, strict=False):
        lines = [line for line in report.splitlines() if not re.match("copies land|no block: nothing to do$", line)]
        if not lines or not all(re.match(r"[\w, ]+: ok: \d+ compared, 0 exempt, ", line) for line in lines):
            print(f"{name}: {shlex.join(call)}", report, sep="\n")
            failed += 1
    if failed or result.returncode:
        print(source, result.stderr, sep="\n")
    return len(calls), max(failed, int(result.returncode != 0))


def main():
    rows, dtype, *rest = sys.argv[1:]
    way = rest[0] if rest else "cpu"
    if way not in ("cpu", "split", "gpu"):
        sys.exit(f"total_semantics.py: unknown way '{way}' (expected split or gpu)")

    def operands(b, n, m):
        return {
            "q": (b, H, n, D),
            "k": (b, HKV, m, D),
            "v": (b, HKV, m, DV),
            "bias": (1, 1, n, m),
            "mask": (b, 1, n, m),
        }

    def arithmetic(b, n, m):
        return {"q": (b, HKV, H // HKV, n, D), "k": (b, HKV, m, D), "v": (b, HKV, m, DV), "lengths": (b,)}

    # Weights need the keys again when their rows are finished, and nobody merges lists, so no plan divides their keys.
    first = run(operands_kernel(rows, dtype, has_more=way == "cpu"), OPERANDS, operands, rows, way)
    second = run(arithmetic_kernel(rows, dtype, has_entropy=way != "gpu"), ARITHMETIC, arithmetic, rows, way)
    finish(first[0] + second[0], first[1] + second[1])


if __name__ == "__main__":
    main()
