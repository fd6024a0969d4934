# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Workloads as input of attn-compile, and the shared libraries it makes of them."""

import hashlib
import json
import os
import pathlib
import subprocess
import time

from harness import Problem, Unsupported

#: Query rows up to which a kernel is made for just so many.
FEW_ROWS = 8
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


def rows_of(w):
    """The query rows in a type: a kernel for a few rows is made for just so many, as each step of decoding has them."""
    return w.N if w.N <= FEW_ROWS else "?"


def function(arguments, result, body):
    listed = ",\n    ".join(f'%{name}: {kind} {{attn.name = "{name}"}}' for name, kind in arguments)
    return f"func.func @attention(\n    {listed}) -> {result} {{\n{body}}}\n"


def sdpa_text(w, layout):
    """attn.sdpa: what it can say, it says best."""
    n = rows_of(w)
    q, k = shaped(layout, n, w.H, w.D, w.dtype), shaped(layout, "?", w.Hkv, w.D, w.dtype)
    v, out = shaped(layout, "?", w.Hkv, w.Dv, w.dtype), shaped(layout, n, w.H, w.Dv, w.dtype)
    arguments = [("q", q), ("k", k), ("v", v)]
    clauses = ""
    if w.bias:
        kind = tensor([1, w.H, n, "?"], w.dtype)
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
    operands = (["%rise: f32"] if w.alibi else []) + ([f"%bias: {w.dtype}"] if w.bias else [])
    lines = [f"    ^bb0({', '.join(['%s: f32', *operands, '%shift: index'])}):"]
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
    if w.bias:
        wide = "%bias"
        if w.dtype != "f32":
            wide = "%wide"
            lines.append(f"      %wide = arith.extf %bias : {w.dtype} to f32")
        lines.append(f"      %sum = arith.addf {score}, {wide} : f32")
        score = "%sum"
    return "\n".join(["    score {", *lines, f"      attn.yield {score} : f32", "    }"])


def generic_similarity():
    return """    similarity {
    ^bb0(%x: f32, %y: f32, %weight: f32, %shift: index):
      %sum = arith.addf %x, %y : f32
      %bent = math.tanh %sum : f32
      %part = arith.mulf %bent, %weight : f32
      attn.yield %part : f32
    }"""


def generic_mask(w):
    arguments = ["%of_row: i32", "%of_key: i32"] if w.documents else []
    arguments += ["%length: i32"] if w.padding else []
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
    if w.padding:
        lines += [
            "      %end = arith.index_cast %length : i32 to index",
            "      %inside = arith.cmpi slt, %j, %end : index",
        ]
        terms.append("%inside")
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

    rows = rows_of(w)
    q, k, v, out = kind(rows, w.D, True), kind("?", w.D, False), kind("?", w.Dv, False), kind(rows, w.Dv, True)
    arguments = [("q", q), ("k", k), ("v", v)]
    maps = [access("i", "d", True), access("j", "d", False), access("j", "e", False)]
    clauses = ""
    if w.similarity == "additive":
        weights = tensor([w.D], "f32")
        arguments.append(("weights", weights))
        clauses += f"\n    similarity_ins(%weights : {weights})"
        maps.append(plain("d"))
    scores = []
    if w.alibi:
        scores.append(("slopes", tensor([w.Hkv, group], "f32"), "h, g"))
    if w.bias:
        scores.append(("scores", tensor([w.Hkv, group, rows, "?"], w.dtype), "h, g, i, j"))
    if scores:
        arguments += [(name, kind) for name, kind, _ in scores]
        kinds = ", ".join(kind for _, kind, _ in scores)
        clauses += f"\n    score_ins({', '.join('%' + name for name, _, _ in scores)} : {kinds})"
        maps += [plain(places) for _, _, places in scores]
    if w.documents:
        arguments += [("document_i", tensor([rows], "i32")), ("document_j", "tensor<?xi32>")]
        maps += [plain("i"), plain("j")]
    if w.padding:
        arguments.append(("lengths", "tensor<?xi32>"))
        maps.append(plain("b"))
    masks = (["document_i", "document_j"] if w.documents else []) + (["lengths"] if w.padding else [])
    if masks:
        kinds = ", ".join(dict(arguments)[name] for name in masks)
        clauses += f"\n    mask_ins({', '.join('%' + name for name in masks)} : {kinds})"
    if w.sink:
        sinks = tensor([w.Hkv, group], "f32")
        arguments.append(("sinks", sinks))
        clauses += f"\n    normalizer_ins(%sinks : {sinks})"
        maps.append(plain("h, g"))
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
  %init = tensor.empty(%b{", %n" if rows == "?" else ""}) : {out}
  %out = attn.generic ins(%q, %k, %v : {q}, {k}, {v}){clauses}
    captures(%ahead : index) outs(out %init : {out})
    maps [{MAP_BREAK.join(maps)}]
    scale({w.scale_factor!r}) normalizer(#attn.softmax{"_sink" if w.sink else ""})
"""
    if w.similarity == "additive":
        body += generic_similarity() + "\n"
    if w.softcap or w.alibi or w.bias:
        body += generic_score(w) + "\n"
    if not w.is_dense:
        body += generic_mask(w) + "\n"
    return function(arguments, out, body + f"  return %out : {out}\n")


def forms(w):
    """[(name, MLIR)]: the ways to write a workload, one of which is fastest. attn.generic serves where attn.sdpa has no
    word for it, and where lengths say more than a mask tensor does."""
    needs_regions = w.window or w.documents or w.alibi or w.softcap or w.sink or w.similarity != "dot"
    found = []
    for layout in [w.layout] if w.layout else ["bnhd", "bhnd"]:
        if not needs_regions:
            found.append((layout, sdpa_text(w, layout)))
        if needs_regions or w.padding:
            found.append((f"{layout}, regions", generic_text(w, layout)))
    return found


def compile_text(name, source, *options):
    """(path of the shared library, seconds it took to compile, 0 if it was there). Unsupported carries the compiler's
    own words."""
    tools = build_dir()
    compiler = tools / "bin/attn-compile"
    # A rebuilt compiler makes other code: its libraries' times are part of the name.
    stamps = sorted(p.stat().st_mtime_ns for p in [compiler, *(tools / "lib").glob("libAttn*.so")])
    digest = hashlib.sha256(f"{source}{options}{stamps}".encode()).hexdigest()[:16]
    folder = tools / "bench"
    folder.mkdir(exist_ok=True)
    library = folder / f"{name}-{digest}.so"
    if library.exists():
        return library, 0.0
    draft = library.with_suffix(".mlir")
    draft.write_text(source)
    start = time.perf_counter()
    command = [compiler, draft, *options, "--emit=shared", "-o", library]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise Unsupported(first_error(result.stderr))
    return library, time.perf_counter() - start


def count_visited_tiles(w):
    """Key tiles that the kernel of a workload visits, by the compiler's own count."""
    form, source = forms(w)[0]
    heads = [w.Hkv, w.H // w.Hkv] if form.endswith("regions") else [w.H]
    if "bnhd" in form:
        q, k, v = [w.N, *heads, w.D], [w.M, w.Hkv, w.D], [w.M, w.Hkv, w.Dv]
    else:
        q, k, v = [*heads, w.N, w.D], [w.Hkv, w.M, w.D], [w.Hkv, w.M, w.Dv]
    shapes = [
        f"--shape={name}={'x'.join(map(str, [w.B, *sizes]))}" for name, sizes in zip("qkv", (q, k, v), strict=True)
    ]
    command = [build_dir() / "bin/attn-compile", "-", "--explain=plan", "--explain-format=json", *shapes]
    result = subprocess.run(command, input=source, capture_output=True, text=True)
    if result.returncode:
        raise Problem(first_error(result.stderr))
    return json.loads(result.stdout)["key_tiles"]["visited"]


def first_error(stderr):
    """The message of the first error, without the place in a file nobody has seen."""
    for line in stderr.splitlines():
        if "error: " in line:
            return line.split("error: ", 1)[1]
    return stderr.strip().splitlines()[-1] if stderr.strip() else "attn-compile failed without a word"
