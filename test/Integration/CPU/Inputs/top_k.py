# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs top-k on awkward shapes and values, judged by attn-run, and the order of ties against numpy.

usage: top_k.py NORMALIZER [ROWS]

ROWS, ? (default) or a number, chooses the path through the compiler. Prints the command of every case that failed.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from judge import finish, judge

HEADS, D, DV = 2, 16, 24
# k, the type of indices, and where the op's first key is in the whole problem.
KERNELS = [(1, "i32", 0), (5, "i64", -3), (60, "i32", 1000)]
# Keys, and what is special about the numbers; an operand named first is the mask, i1 over [row, key].
CASES = [
    (133, []),
    (300, ["--threads=2", "--strides=padded"]),
    (3, ["--strides=guarded"]),
    (133, ["--fill=kept=0@1", "--fill=kept=0", "--fill=kept=1@:,77"]),
    (133, ["--fill=kept=0"]),
    (133, ["--fill=kept=0@:,5:90", "--fill=k=nan@:,:,5:90", "--fill=v=nan@:,:,5:90"]),
    (133, ["--fill=q=nan@0,1,0,3", "--fill=k=nan@1,0,132,0"]),
    (133, ["--fill=k=inf@0,1,5,:", "--fill=v=inf@1,:,0,0"]),
    (133, ["--fill=v=nan@0,0,7,2"]),
    (133, ["--fill=q=-50..50", "--fill=k=-50..50"]),
    (133, ["--fill=q=50", "--fill=k=50", "--fill=k=-50@:,:,40:", "--worst-case"]),
    (133, ["--fill=q=0", "--worst-case"]),
    (0, []),
]


def tensor(*sizes):
    return "tensor<" + "x".join(map(str, sizes)) + ">"


def kernel(normalizer, rows, count, index, first):
    q, k, v = tensor("?", HEADS, rows, D, "f32"), tensor("?", HEADS, "?", D, "f32"), tensor("?", HEADS, "?", DV, "f32")
    kept, out = tensor(rows, "?", "i1"), tensor("?", HEADS, rows, DV, "f32")
    values, indices = tensor("?", HEADS, rows, count, "f32"), tensor("?", HEADS, rows, count, index)
    sizes = "%b, %n" if rows == "?" else "%b"
    places = ["b, h, i, d", "b, h, j, d", "b, h, j, e", "i, j"]
    sink = sink_in = ""
    if normalizer == "softmax_sink":
        sink, sink_in = ', %sink: tensor<2xf32> {attn.name = "sink"}', "normalizer_ins(%sink : tensor<2xf32>)"
        places.append("h")
    places += ["b, h, i, e", "b, h, i", "b, h, i"]
    maps = ", ".join(f"affine_map<(b, h, i, j, d, e) -> ({each})>" for each in places)
    return f"""func.func @f(%q: {q} {{attn.name = "q"}}, %k: {k} {{attn.name = "k"}}, %v: {v} {{attn.name = "v"}},
    %kept: {kept} {{attn.name = "kept"}}{sink})
    -> ({out} {{attn.name = "out"}}, {indices} {{attn.name = "keys"}}, {values} {{attn.name = "weights"}}) {{
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %first = arith.constant {first} : index
  %b = tensor.dim %q, %c0 : {q}
  %n = tensor.dim %q, %c2 : {q}
  %o = tensor.empty({sizes}) : {out}
  %x = tensor.empty({sizes}) : {indices}
  %w = tensor.empty({sizes}) : {values}
  %r:3 = attn.generic ins(%q, %k, %v : {q}, {k}, {v}) mask_ins(%kept : {kept}) {sink_in}
    offsets(%c0, %c0, %c0, %first, %c0, %c0)
    outs(out %o : {out}, topk_indices %x : {indices}, topk_values %w : {values})
    maps [{maps}] scale(0.25) normalizer(#attn.{normalizer})
    mask {{
    ^bb0(%keep: i1):
      attn.yield %keep : i1
    }}
  return %r#0, %r#1, %r#2 : {out}, {indices}, {values}
}}
"""


def shapes(rows, keys):
    sizes = {"q": (2, HEADS, rows, D), "k": (2, HEADS, keys, D), "v": (2, HEADS, keys, DV), "kept": (rows, keys)}
    return [f"--shape={name}={'x'.join(map(str, size))}" for name, size in sizes.items()]


def check_ties(file, folder, rows, count):
    """Scores of few different values, exact in float32: the smaller of two keys of one score comes first."""
    random, keys = np.random.default_rng(count), 150
    q, k = np.zeros((2, HEADS, rows, D), np.float32), np.zeros((2, HEADS, keys, D), np.float32)
    q[..., 0], k[..., 0] = 1, random.integers(-2, 3, (2, HEADS, keys))
    kept = random.random((rows, keys)) < 0.7
    for name, array in {"q": q, "k": k, "kept": kept}.items():
        np.save(folder / f"{name}.npy", array)
    command = ["attn-run", file, f"--shape=v=2x{HEADS}x{keys}x{DV}", f"--output=keys={folder / 'keys.npy'}"]
    command += [f"--input={name}={folder / f'{name}.npy'}" for name in ("q", "k", "kept")]
    result = subprocess.run(command, capture_output=True, text=True)
    scores = np.where(kept, k[:, :, None, :, 0], -np.inf)
    expected = np.argsort(-scores, axis=-1, kind="stable")[..., :count]
    found = np.load(folder / "keys.npy") if not result.returncode else None
    if found is None or not np.array_equal(found, expected):
        print(" ".join(map(str, command)), result.stderr, found, expected, sep="\n")
        return 1
    return 0


def main():
    normalizer, rows = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "?"
    numbers = [70, 5] if rows == "?" else [int(rows)]
    done = failed = 0
    for count, index, first in KERNELS:
        # Whole groups of ranks, as many as there may be, and in other runs one that is not whole.
        count = 64 if count == 60 and normalizer == "identity" else count
        source = kernel(normalizer, rows, count, index, first)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "kernel.mlir"
            file.write_text(source)
            more = ["--fill=sink=-2..2"] if normalizer == "softmax_sink" else []
            calls = [[*shapes(n, keys), *words, *more] for n in numbers for keys, words in CASES]
            # -O1 halves the time: what LLVM does on top of it is not what is tested here.
            command = ["attn-run", str(file), *calls[0], "-O1", "--compare"]
            command += [f"--call={' '.join(call)}" for call in calls[1:]]
            failed += judge(command, source)
            failed += check_ties(str(file), pathlib.Path(folder), numbers[0], count)
            done += len(calls) + 1
    finish(done, failed)


if __name__ == "__main__":
    main()
