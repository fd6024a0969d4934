# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Workloads as input of attn-compile, and the shared libraries it makes of them."""

import hashlib
import os
import pathlib
import subprocess
import time

from harness import Problem, Unsupported

MAP_BREAK = ",\n          "


def build_dir():
    """The build tree to take tools from: ./dev sets ATTN_BUILD_DIR."""
    path = pathlib.Path(os.environ.get("ATTN_BUILD_DIR", ""))
    if not os.environ.get("ATTN_BUILD_DIR") or not (path / "bin/attn-compile").exists():
        raise Problem("ATTN_BUILD_DIR names no build tree with bin/attn-compile: start this as ./dev bench")
    return path


def tensor(sizes, dtype):
    return "tensor<" + "x".join([str(size) for size in sizes] + [dtype]) + ">"


def shaped(layout, rows, heads, size, dtype):
    """The type of a batch of heads; how many batches and rows is chosen at run time."""
    sizes = ["?", rows, heads, size] if layout == "bnhd" else ["?", heads, rows, size]
    return tensor(sizes, dtype)


def function(arguments, result, body):
    listed = ",\n    ".join(f'%{name}: {kind} {{attn.name = "{name}"}}' for name, kind in arguments)
    return f"func.func @attention(\n    {listed}) -> {result} {{\n{body}}}\n"


def sdpa_text(w, layout):
    """attn.sdpa: what it can say, it says best."""
    q, k = shaped(layout, "?", w.H, w.D, w.dtype), shaped(layout, "?", w.Hkv, w.D, w.dtype)
    v, out = shaped(layout, "?", w.Hkv, w.Dv, w.dtype), shaped(layout, "?", w.H, w.Dv, w.dtype)
    arguments = [("q", q), ("k", k), ("v", v)]
    clauses = ""
    if w.bias:
        kind = tensor([1, w.H, "?", "?"], w.dtype)
        arguments.append(("bias", kind))
        clauses += f" bias(%bias : {kind})"
    if w.padding:
        kind = tensor(["?", 1, 1, "?"], "i1")
        arguments.append(("mask", kind))
        clauses += f" mask(%mask : {kind})"
    clauses += (" causal(bottom_right)" if w.causal else "") + f" layout({layout}) scale({w.scale_factor!r})"
    body = f"  %out = attn.sdpa %q, %k, %v{clauses}\n     : ({q}, {k}, {v}) -> {out}\n  return %out : {out}\n"
    return function(arguments, out, body)


def generic_score(w):
    lines = ["    ^bb0(%s: f32" + (", %rise: f32" if w.alibi else "") + ", %shift: index):"]
    score = "%s"
    if w.softcap:
        lines += [
            f"      %bound = arith.constant {w.softcap!r} : f32",
            f"      %inverse = arith.constant {1 / w.softcap!r} : f32",
            "      %scaled = arith.mulf %s, %inverse : f32",
            "      %soft = math.tanh %scaled : f32",
            "      %capped = arith.mulf %soft, %bound : f32",
        ]
        score = "%capped"
    if w.alibi:
        lines += [
            "      %i = attn.index 3",
            "      %j = attn.index 4",
            "      %position = arith.addi %i, %shift : index",
            "      %distance = arith.subi %j, %position : index",
            "      %narrow = arith.index_cast %distance : index to i32",
            "      %float = arith.sitofp %narrow : i32 to f32",
            "      %slanted = arith.mulf %float, %rise : f32",
            f"      %biased = arith.addf {score}, %slanted : f32",
        ]
        score = "%biased"
    return "\n".join(["    score {", *lines, f"      attn.yield {score} : f32", "    }"])


def generic_mask(w):
    arguments = ["%of_row: i32", "%of_key: i32"] if w.documents else []
    lines = [
        f"    ^bb0({', '.join([*arguments, '%shift: index'])}):",
        "      %i = attn.index 3",
        "      %j = attn.index 4",
        "      %last = arith.addi %i, %shift : index",
    ]
    terms = []
    if w.causal:
        lines.append("      %past = arith.cmpi sle, %j, %last : index")
        terms.append("%past")
    if w.window:
        lines += [
            f"      %width = arith.constant {w.window} : index",
            "      %distance = arith.subi %last, %j : index",
            "      %near = arith.cmpi slt, %distance, %width : index",
        ]
        terms.append("%near")
    if w.documents:
        lines.append("      %same = arith.cmpi eq, %of_row, %of_key : i32")
        terms.append("%same")
    keep = terms[0]
    for number, term in enumerate(terms[1:]):
        lines.append(f"      %keep{number} = arith.andi {keep}, {term} : i1")
        keep = f"%keep{number}"
    return "\n".join(["    mask {", *lines, f"      attn.yield {keep} : i1", "    }"])


def generic_text(w, layout):
    """attn.generic over b, h, g, i, j, d, e: g is the query head within the group that shares a key head, so Q and out
    have five dimensions (a view of the same memory)."""
    group = w.H // w.Hkv

    def kind(rows, size, has_group):
        heads = [w.Hkv, group] if has_group else [w.Hkv]
        return tensor(["?", rows, *heads, size] if layout == "bnhd" else ["?", *heads, rows, size], w.dtype)

    def access(row, size, has_group):
        heads = "h, g" if has_group else "h"
        places = f"b, {row}, {heads}, {size}" if layout == "bnhd" else f"b, {heads}, {row}, {size}"
        return f"affine_map<(b, h, g, i, j, d, e) -> ({places})>"

    def plain(places):
        return f"affine_map<(b, h, g, i, j, d, e) -> ({places})>"

    q, k, v, out = kind("?", w.D, True), kind("?", w.D, False), kind("?", w.Dv, False), kind("?", w.Dv, True)
    arguments = [("q", q), ("k", k), ("v", v)]
    maps = [access("i", "d", True), access("j", "d", False), access("j", "e", False)]
    clauses = ""
    if w.alibi:
        slopes = tensor([w.Hkv, group], "f32")
        arguments.append(("slopes", slopes))
        clauses += f"\n    score_ins(%slopes : {slopes})"
        maps.append(plain("h, g"))
    if w.documents:
        arguments += [("document_i", "tensor<?xi32>"), ("document_j", "tensor<?xi32>")]
        clauses += "\n    mask_ins(%document_i, %document_j : tensor<?xi32>, tensor<?xi32>)"
        maps += [plain("i"), plain("j")]
    maps.append(access("i", "e", True))
    row = 1 if layout == "bnhd" else 3
    key = 1 if layout == "bnhd" else 2
    body = f"""  %c0 = arith.constant 0 : index
  %row = arith.constant {row} : index
  %key = arith.constant {key} : index
  %b = tensor.dim %q, %c0 : {q}
  %n = tensor.dim %q, %row : {q}
  %m = tensor.dim %k, %key : {k}
  %ahead = arith.subi %m, %n : index
  %init = tensor.empty(%b, %n) : {out}
  %out = attn.generic ins(%q, %k, %v : {q}, {k}, {v}){clauses}
    captures(%ahead : index) outs(out %init : {out})
    maps [{MAP_BREAK.join(maps)}]
    scale({w.scale_factor!r}) normalizer(#attn.softmax)
"""
    if w.softcap or w.alibi:
        body += generic_score(w) + "\n"
    if not w.is_dense:
        body += generic_mask(w) + "\n"
    return function(arguments, out, body + f"  return %out : {out}\n")


def text(w, layout):
    """The MLIR of a workload; Unsupported for what neither op is given a form for here."""
    if w.sink:
        raise Unsupported("no kernel text yet: a sink score per head")
    if w.similarity != "dot":
        raise Unsupported(f"no kernel text yet: {w.similarity} similarity")
    if w.window or w.documents or w.alibi or w.softcap:
        if w.bias or w.padding:
            raise Unsupported("no kernel text yet: bias or padding together with score and mask regions")
        return generic_text(w, layout)
    return sdpa_text(w, layout)


def compile_workload(w, layout):
    """(path of the shared library, seconds it took to compile, 0 if it was there). Unsupported carries the compiler's
    own words."""
    source = text(w, layout)
    tools = build_dir()
    compiler = tools / "bin/attn-compile"
    # A rebuilt compiler makes other code: its libraries' times are part of the name.
    stamps = sorted(p.stat().st_mtime_ns for p in [compiler, *(tools / "lib").glob("libAttn*.so")])
    name = hashlib.sha256(f"{source}{stamps}".encode()).hexdigest()[:16]
    folder = tools / "bench"
    folder.mkdir(exist_ok=True)
    library = folder / f"{w.name}-{layout}-{name}.so"
    if library.exists():
        return library, 0.0
    draft = library.with_suffix(".mlir")
    draft.write_text(source)
    start = time.perf_counter()
    command = [compiler, draft, "--emit=shared", "-o", library]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise Unsupported(first_error(result.stderr))
    return library, time.perf_counter() - start


def first_error(stderr):
    """The message of the first error, without the place in a file nobody has seen."""
    for line in stderr.splitlines():
        if "error: " in line:
            return line.split("error: ", 1)[1]
    return stderr.strip().splitlines()[-1] if stderr.strip() else "attn-compile failed without a word"
