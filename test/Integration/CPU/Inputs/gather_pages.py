# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attends to K and V in pages, beside numpy: not through the compiler's reference, which judges what attn-normalize
made of the op. Some entries of the table are no pages, and count as the nearest one.

usage: gather_pages.py
"""

import pathlib
import tempfile

import numpy as np
from judge import finish, judge_output

HEADS, KV_HEADS, D, PAGES = 4, 2, 24, 11
CASES = [  # stored type, type of the table, rows of a page, entries of a sequence, batch, query rows, layout
    ("f32", "i32", 16, 9, 2, 1, "bhnd"),
    ("f16", "i64", 5, 27, 2, 70, "bnhd"),
    ("bf16", "i32", 128, 2, 1, 5, "bhnd"),
    ("f32", "i64", 1, 67, 3, 33, "bnhd"),
    ("f32", "i32", 67, 2, 1, 70, "bhnd"),
    ("f32", "i32", 4, 0, 2, 3, "bhnd"),
]


def kernel(stored, index, page, layout, rows):
    def tensor(heads, length, first="?"):
        sizes = f"{first}x{heads}x{length}" if layout == "bhnd" else f"{first}x{length}x{heads}"
        return f"tensor<{sizes}x{D}x{stored}>"

    pages, keys, q = tensor(KV_HEADS, page), tensor(KV_HEADS, "?"), tensor(HEADS, rows)
    table, clause = f"tensor<?x?x{index}>", " layout(bnhd)" if layout == "bnhd" else ""
    return f"""func.func @f(%q: {q} {{attn.name = "q"}}, %k_pages: {pages} {{attn.name = "k_pages"}},
    %v_pages: {pages} {{attn.name = "v_pages"}}, %table: {table} {{attn.name = "table"}},
    %kept: tensor<?x1x1x?xi1> {{attn.name = "kept"}}) -> {q} {{
  %k = attn.gather_pages %k_pages, %table{clause} : ({pages}, {table}) -> {keys}
  %v = attn.gather_pages %v_pages, %table{clause} : ({pages}, {table}) -> {keys}
  %o = attn.sdpa %q, %k, %v mask(%kept : tensor<?x1x1x?xi1>){clause} : ({q}, {keys}, {keys}) -> {q}
  return %o : {q}
}}
"""


def attend(q, k, v, kept):
    k, v = (np.repeat(x, HEADS // KV_HEADS, axis=1) for x in (k, v))
    scores = np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(D)
    weights = np.where(kept, np.exp(scores), 0)
    total = weights.sum(axis=-1, keepdims=True)
    return np.einsum("bhij,bhje->bhie", np.divide(weights, total, out=np.zeros_like(weights), where=total > 0), v)


def run(case, folder, random):
    stored, index, page, entries, batch, rows, layout = case
    source = kernel(stored, index, page, layout, rows)
    (folder / "f.mlir").write_text(source)
    # Whole numbers of 1/8 are the same in each element type; files hold bf16 as f32.
    draw = lambda *shape: random.integers(-8, 9, shape) / 8  # noqa: E731
    q, k_pages, v_pages = draw(batch, HEADS, rows, D), *draw(2, PAGES, KV_HEADS, page, D)
    table = random.integers(0, PAGES, (batch, entries))
    if entries:
        table[0, 0], table[-1, -1] = -(2**31), 2**31 - 1
    lengths = random.integers(0, entries * page + 1, batch)
    lengths[0] = entries * page
    kept = (np.arange(entries * page) < lengths[:, None])[:, None, None]
    at = np.clip(table, 0, PAGES - 1)

    def gather(pages):
        return pages[at].transpose(0, 2, 1, 3, 4).reshape(batch, KV_HEADS, entries * page, D)

    expected = attend(q, gather(k_pages), gather(v_pages), kept)
    inputs = {"q": q, "k_pages": k_pages, "v_pages": v_pages}
    if layout == "bnhd":
        inputs = {name: value.transpose(0, 2, 1, 3) for name, value in inputs.items()}
        expected = expected.transpose(0, 2, 1, 3)
    stored_as = np.float16 if stored == "f16" else np.float32
    inputs = {name: np.ascontiguousarray(value).astype(stored_as) for name, value in inputs.items()}
    inputs |= {"table": table.astype(np.int64 if index == "i64" else np.int32), "kept": kept}
    unit = {"f32": 2**-24, "f16": 2**-11, "bf16": 2**-8}[stored]
    command = ["attn-run", str(folder / "f.mlir"), "-O1", "--strides=guarded"]
    return judge_output(command, folder, inputs, expected, 16 * unit, source)


def main():
    random = np.random.default_rng(13)
    with tempfile.TemporaryDirectory() as folder:
        finish(len(CASES), sum(run(case, pathlib.Path(folder), random) for case in CASES))


main()
