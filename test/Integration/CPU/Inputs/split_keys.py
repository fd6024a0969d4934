# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles and runs attention of fewer row tiles than threads, each call judged by attn-run.

usage: split_keys.py SEED COUNT EXAMPLES

Three kinds of kernels, whose keys are divided among the threads: COUNT of few query rows (few_rows.py), COUNT of more
(awkward_shapes.py), and the examples of variants in the folder EXAMPLES: every normalizer, streamed statistics, fused
producers. Then a kernel of one stage and one of three are called again, and have to give the same bits. Prints the
command of every case that failed.
"""

import pathlib
import random
import subprocess
import sys
import tempfile

import awkward_shapes
import few_rows
from judge import finish, judge

# More than any case has row tiles. Numbers of keys: no two parts, two parts and no key more, tails, many parts.
THREADS = [13, 40]
KEYS = [127, 256, 257, 300, 513, 1037, 2100]
VARIANTS = ["sink", "sink-bf16", "sigmoid", "sigmoid-bf16", "linear", "linear-bf16", "row-statistics"]
# Values that need the second visit of the keys in one part and not in others, that leave a part without any key that
# counts, or whose maximum is met in the last part only.
FILLS = [
    [],
    [],
    ["--fill=v=nan@:,:,:1,0"],
    ["--fill=v=inf@0", "--fill=v=-inf@1", "--worst-case"],
    ["--fill=q=-inf@1"],
    ["--fill=k=1e30", "--fill=q=-1e30..1e30"],
]


def call(file, shapes, rng):
    command = ["attn-run", str(file), "--compare", *shapes, f"--seed={rng.randint(1, 999)}"]
    command += ["--strides=" + rng.choice(["dense", "guarded", "padded", "permuted"])]
    return judge([*command, f"--threads={rng.choice(THREADS)}", *rng.choice(FILLS)], file.read_text())


def run_few_rows(rng, file):
    case = few_rows.choose(rng.choice([7, 64, 80, 128]), rng)
    case |= {"regions": False, "weights": False}
    file.write_text(few_rows.sdpa(case))
    failed = 0
    for keys in rng.sample(KEYS, 2):

        def shape(name, heads, length, size, keys=keys):
            sizes = (2, heads, length, size) if case["layout"] == "bhnd" else (2, length, heads, size)
            return f"--shape={name}=" + "x".join(map(str, sizes))

        shapes = [
            shape("q", case["heads"], case["n"], case["d"]),
            shape("k", case["kv_heads"], keys, case["d"]),
            shape("v", case["kv_heads"], keys, case["dv"]),
        ]
        if case["bias"]:
            shapes.append(f"--shape=bias=1x{case['heads']}x{case['n']}x{keys}")
        if case["mask"]:
            shapes.append(f"--shape=mask=2x1x1x{keys}")
        failed += call(file, shapes, rng)
    return failed


def run_more_rows(rng, file):
    d, kv_heads, layout = rng.choice([8, 33, 64]), rng.choice([1, 2]), rng.choice(["bhnd", "bnhd"])
    dv, heads = rng.choice([d, 48]), kv_heads * rng.choice([1, 3])
    dtype, causal = rng.choice(["f32", "f32", "bf16", "f16"]), rng.choice(["", "top_left", "bottom_right"])
    file.write_text(awkward_shapes.kernel(dtype, d, dv, heads, kv_heads, layout, causal))
    failed = 0
    for keys in rng.sample(KEYS, 2):
        rows = rng.choice([20, 64, 65, 130])

        def shape(name, count, length, size):
            sizes = (1, count, length, size) if layout == "bhnd" else (1, length, count, size)
            return f"--shape={name}=" + "x".join(map(str, sizes))

        shapes = [shape("q", heads, rows, d), shape("k", kv_heads, keys, d), shape("v", kv_heads, keys, dv)]
        fills = [fill for fill in FILLS if "@1" not in "".join(fill)]  # there is one batch
        command = ["attn-run", str(file), "--compare", *shapes, f"--seed={rng.randint(1, 999)}", *rng.choice(fills)]
        failed += judge([*command, f"--threads={rng.choice(THREADS)}"], file.read_text())
    return failed


def run_variant(rng, file):
    rows, keys = rng.choice([37, 64, 70]), rng.choice([515, 1037])
    shapes = [f"--shape=q=1x4x{rows}x64", f"--shape=k=1x4x{keys}x64", f"--shape=v=1x4x{keys}x48"]
    command = ["attn-run", str(file), "--compare", *shapes, f"--threads={rng.choice(THREADS)}"]
    if file.stem.startswith("sink"):
        command += ["--fill=sink=-2..2", "--fill=sink=90@1", "--fill=sink=-inf@2"]
    return judge(command)


def run_twice(folder):
    """The order in which threads are done must not be seen in the results."""
    file = folder / "twice.mlir"
    file.write_text(awkward_shapes.kernel("f32", 64, 64, 2, 2, "bhnd", "bottom_right"))
    shapes = ["--shape=q=1x2x65x64", "--shape=k=1x2x2100x64", "--shape=v=1x2x2100x64"]
    return repeat(folder, ["attn-run", str(file), *shapes], "out0")


# A projection, attention of one row a head to K and V, and of what it makes to other K: three stages, two of which
# divide keys, in tiles and parts of different sizes.
STAGES = """
#left = affine_map<(b, n, o, k) -> (b, n, k)>
#right = affine_map<(b, n, o, k) -> (k, o)>
#product = affine_map<(b, n, o, k) -> (b, n, o)>
func.func @stages(%x: tensor<?x1x24xf32> {attn.name = "x"}, %w: tensor<24x128xf32> {attn.name = "w"},
    %k: tensor<?x?x1x64xf32> {attn.name = "k"}, %v: tensor<?x?x1x32xf32> {attn.name = "v"},
    %k2: tensor<?x?x2x32xf32> {attn.name = "k2"}) -> (tensor<?x1x2x32xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %batch = tensor.dim %x, %c0 : tensor<?x1x24xf32>
  %init = tensor.empty(%batch) : tensor<?x1x128xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x1x128xf32>) -> tensor<?x1x128xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #product],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<?x1x24xf32>, tensor<24x128xf32>) outs(%zeros : tensor<?x1x128xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %t = arith.mulf %a, %b : f32
    %r = arith.addf %s, %t : f32
    linalg.yield %r : f32
  } -> tensor<?x1x128xf32>
  %q = tensor.expand_shape %p [[0], [1], [2, 3]] output_shape [%batch, 1, 2, 64]
    : tensor<?x1x128xf32> into tensor<?x1x2x64xf32>
  %first = attn.sdpa %q, %k, %v layout(bnhd)
    : (tensor<?x1x2x64xf32>, tensor<?x?x1x64xf32>, tensor<?x?x1x32xf32>) -> tensor<?x1x2x32xf32>
  %second = attn.sdpa %first, %k2, %k2 layout(bnhd)
    : (tensor<?x1x2x32xf32>, tensor<?x?x2x32xf32>, tensor<?x?x2x32xf32>) -> tensor<?x1x2x32xf32>
  return %second : tensor<?x1x2x32xf32>
}
"""


def run_stages(folder):
    file = folder / "stages.mlir"
    file.write_text(STAGES)
    failed = 0
    for keys, more, threads in ((5003, 2100, 5), (2100, 5003, 13), (5003, 7, 40), (1, 1, 2)):
        shapes = ["x=1x1x24", f"k=1x{keys}x1x64", f"v=1x{keys}x1x32", f"k2=1x{more}x2x32"]
        command = ["attn-run", str(file), *(f"--shape={shape}" for shape in shapes)]
        failed += judge([*command, "--compare", f"--threads={threads}"])
    shapes = ["x=1x1x24", "k=1x5003x1x64", "v=1x5003x1x32", "k2=1x5003x2x32"]
    return failed + repeat(folder, ["attn-run", str(file), *(f"--shape={shape}" for shape in shapes)], "out")


def repeat(folder, command, result):
    """Calls of 5 threads have to give the same bits."""
    outputs = []
    for number in range(6):
        output = folder / f"{number}.npy"
        subprocess.run([*command, "--threads=5", f"--output={result}={output}"], check=True, capture_output=True)
        outputs.append(output.read_bytes())
    if len(set(outputs)) == 1:
        return 0
    print(" ".join(command), "gave different results")
    return 1


def main():
    count, examples = int(sys.argv[2]), pathlib.Path(sys.argv[3])
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            for run in run_few_rows, run_more_rows:
                rng = random.Random(f"{sys.argv[1]} {run.__name__} {number}")
                failed += run(rng, pathlib.Path(folder) / f"{number}.mlir")
        for name in VARIANTS:
            failed += run_variant(random.Random(f"{sys.argv[1]} {name}"), examples / f"{name}.mlir")
        failed += run_twice(pathlib.Path(folder)) + run_stages(pathlib.Path(folder))
    finish(4 * count + len(VARIANTS) + 6, failed)


if __name__ == "__main__":
    main()
