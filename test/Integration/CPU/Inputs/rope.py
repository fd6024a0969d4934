# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs attention on rows turned by attn.rope, beside numpy in double precision: not through the compiler's reference,
which judges what attn-normalize made of the op.

usage: rope.py
"""

import pathlib
import tempfile

import numpy as np
from judge import finish, judge_output

HEADS, KV_HEADS, ROWS, KEYS, BATCH = 4, 2, 70, 131, 2
CASES = [  # element type, D, C, pairs that are neighbours, positions (their rank), layout
    ("f32", 64, 32, False, 0, "bhnd"),
    ("f32", 64, 32, True, 1, "bnhd"),
    ("f32", 48, 10, False, 2, "bhnd"),
    ("f32", 45, 20, True, 2, "bhnd"),
    ("f32", 7, 1, True, 0, "bnhd"),
    ("f32", 7, 3, False, 1, "bhnd"),
    ("bf16", 64, 32, False, 2, "bnhd"),
    ("f16", 40, 6, True, 0, "bhnd"),
]


def turn(x, angles, neighbours):
    """`x` [B,H,N,D] turned by `angles` [B,N,C]: pairs as complex numbers times e^(i angle)."""
    c = angles.shape[-1]
    first, second = (x[..., 0 : 2 * c : 2], x[..., 1 : 2 * c : 2]) if neighbours else (x[..., :c], x[..., c : 2 * c])
    turned = (first + 1j * second) * np.exp(1j * angles[:, None])
    result = x.copy()
    if neighbours:
        result[..., 0 : 2 * c : 2], result[..., 1 : 2 * c : 2] = turned.real, turned.imag
    else:
        result[..., :c], result[..., c : 2 * c] = turned.real, turned.imag
    return result


def attend(q, k, v):
    k, v = (np.repeat(x, HEADS // KV_HEADS, axis=1) for x in (k, v))
    scores = np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.einsum("bhij,bhje->bhie", weights / weights.sum(axis=-1, keepdims=True), v)


def kernel(dtype, d, c, neighbours, rank, layout):
    def tensor(heads):
        return f"tensor<?x{heads}x?x{d}x{dtype}>" if layout == "bhnd" else f"tensor<?x?x{heads}x{d}x{dtype}>"

    q, k, table = tensor(HEADS), tensor(KV_HEADS), f"tensor<?x{c}xf32>"
    positions = [None, "tensor<?xi64>", "tensor<?x?xi32>"][rank]
    option = (f" positions(%p : {positions})" if rank else "") + (" interleaved" if neighbours else "")
    end = " layout(bnhd)" if layout == "bnhd" else ""
    argument = f', %p: {positions} {{attn.name = "p"}}' if rank else ""
    return f"""func.func @f(%q: {q} {{attn.name = "q"}}, %k: {k} {{attn.name = "k"}}, %v: {k} {{attn.name = "v"}},
    %cos: {table} {{attn.name = "cos"}}, %sin: {table} {{attn.name = "sin"}}{argument}) -> {q} {{
  %a = attn.rope %q, %cos, %sin{option}{end} : ({q}, {table}, {table}) -> {q}
  %b = attn.rope %k, %cos, %sin{" interleaved" if neighbours else ""}{end} : ({k}, {table}, {table}) -> {k}
  %o = attn.sdpa %a, %b, %v{end} : ({q}, {k}, {k}) -> {q}
  return %o : {q}
}}
"""


def run(case, folder, random):
    dtype, d, c, neighbours, rank, layout = case
    source = kernel(*case)
    (folder / "f.mlir").write_text(source)
    # Whole numbers of 1/8 are the same in each element type; files hold bf16 as f32.
    draw = lambda *shape: random.integers(-8, 9, shape) / 8  # noqa: E731
    q, k, v = draw(BATCH, HEADS, ROWS, d), draw(BATCH, KV_HEADS, KEYS, d), draw(BATCH, KV_HEADS, KEYS, d)
    angles = np.arange(KEYS + 9)[:, None] * 10000.0 ** (-np.arange(c) / c)
    positions = random.integers(-5, KEYS + 20, (BATCH, ROWS)[2 - rank :] if rank else (ROWS,))
    at = np.broadcast_to(np.clip(positions, 0, KEYS + 8), (BATCH, ROWS)) if rank else np.arange(ROWS)[None]
    expected = attend(turn(q, angles[at], neighbours), turn(k, angles[None, :KEYS], neighbours), v)
    inputs = {"q": q, "k": k, "v": v, "cos": np.cos(angles), "sin": np.sin(angles)}
    if layout == "bnhd":
        inputs |= {name: inputs[name].transpose(0, 2, 1, 3) for name in "qkv"}
        expected = expected.transpose(0, 2, 1, 3)
    stored = {name: np.ascontiguousarray(value).astype(np.float32) for name, value in inputs.items()}
    for name in "qkv" if dtype == "f16" else "":
        stored[name] = stored[name].astype(np.float16)
    if rank:
        stored["p"] = positions.astype(np.int64 if rank == 1 else np.int32)
    # Roundings of the turned rows to their element type move scores by about sqrt(D) of them, those of out come once.
    unit = {"f32": 2**-24, "f16": 2**-11, "bf16": 2**-8}[dtype]
    return judge_output(["attn-run", str(folder / "f.mlir")], folder, stored, expected, 16 * unit, source)


def main():
    random = np.random.default_rng(11)
    with tempfile.TemporaryDirectory() as folder:
        finish(len(CASES), sum(run(case, pathlib.Path(folder), random) for case in CASES))


main()
