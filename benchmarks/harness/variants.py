# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Variants of attention beside plain sdpa of the same size: how much each costs."""

import pathlib
import re
import subprocess
import tempfile

from harness import Problem, kernels, report, report_parts, rounds, stored

#: Batch, heads, query and key rows, sizes of heads.
SIZES = {"B": 1, "H": 12, "N": 1024, "M": 1024, "D": 64, "Dv": 64}
WINDOW = 256
CAUSAL = ["%keep = arith.cmpi sle, %j, %i : index"]
#: name: clauses of attn.generic. `results` beside out, `ranks` of top-k, `normalizer`, `ins` (more operands: role,
#: name, type, map), lines of the score and mask regions (%s, %i and %j are there; they define %result and %keep),
#: `one_key_head` for K and V without a dimension of heads, and `pages` for K and V in pages of so many rows, in random
#: order.
VARIANTS = {
    "plain": {},
    "lse": {"results": ["lse"]},
    "max, entropy": {"results": ["max", "entropy"]},
    "sink": {"normalizer": "softmax_sink", "ins": [("normalizer", "sink", "tensor<{H}xf32>", "h")]},
    "sigmoid": {"normalizer": "sigmoid"},
    "identity (linear)": {"normalizer": "identity"},
    "weights": {"results": ["weights"]},
    "top 8": {"results": ["topk_values", "topk_indices"], "ranks": 8},
    "top 64": {"results": ["topk_values", "topk_indices"], "ranks": 64},
    "one key head (MQA)": {"one_key_head": True},
    "pages of 16": {"pages": 16},
    "softcap": {
        "score": [
            "%inverse = arith.constant 0.02 : f32",
            "%cap = arith.constant 50.0 : f32",
            "%small = arith.mulf %s, %inverse : f32",
            "%bent = math.tanh %small : f32",
            "%result = arith.mulf %bent, %cap : f32",
        ]
    },
    "alibi": {
        "ins": [("score", "slope", "tensor<{H}xf32>", "h")],
        "score": [
            "%distance = arith.subi %j, %i : index",
            "%narrow = arith.index_cast %distance : index to i32",
            "%float = arith.sitofp %narrow : i32 to f32",
            "%slanted = arith.mulf %float, %slope : f32",
            "%result = arith.addf %s, %slanted : f32",
        ],
    },
    "bias [H,N,M]": {
        "ins": [("score", "bias", "tensor<{H}x?x?xf32>", "h, i, j")],
        "score": ["%result = arith.addf %s, %bias : f32"],
    },
    "mask [N,M]": {
        "ins": [("mask", "kept", "tensor<?x?xi1>", "i, j")],
        "mask": ["%true = arith.constant true", "%keep = arith.andi %kept, %true : i1"],
    },
    "causal": {"mask": CAUSAL},
    f"causal window {WINDOW}": {
        "mask": [
            "%past = arith.cmpi sle, %j, %i : index",
            f"%width = arith.constant {WINDOW} : index",
            "%distance = arith.subi %i, %j : index",
            "%near = arith.cmpi slt, %distance, %width : index",
            "%keep = arith.andi %past, %near : i1",
        ]
    },
    "additive": {
        "ins": [("similarity", "w", "tensor<{D}xf32>", "d")],
        "similarity": [
            "%sum = arith.addf %x, %y : f32",
            "%bent = math.tanh %sum : f32",
            "%result = arith.mulf %w, %bent : f32",
        ],
    },
}
ROLES = ["similarity", "score", "mask", "normalizer"]


def kept_share(name):
    """The share of pairs of a row and a key that a variant keeps: work, and time, should shrink by it."""
    n = SIZES["N"]
    if name == "causal":
        return (n + 1) / (2 * n)
    if name.startswith("causal window"):
        return sum(min(i + 1, WINDOW) for i in range(n)) / n**2
    return 1.0


def region(role, arguments, lines):
    positions = [] if role == "similarity" else ["%i = attn.index 2", "%j = attn.index 3"]
    result, kind = ("%keep", "i1") if role == "mask" else ("%result", "f32")
    body = "\n".join(f"      {line}" for line in [*positions, *lines, f"attn.yield {result} : {kind}"])
    return f"    {role} {{\n    ^bb0({', '.join(arguments)}):\n{body}\n    }}\n"


def text(variant, dtype):
    """A function with one attn.generic over b, h, i, j, d, e."""

    def map_of(places):
        return f"affine_map<(b, h, i, j, d, e) -> ({places})>"

    heads = SIZES["H"]
    q = k = kernels.tensor(["?", heads, "?", SIZES["D"]], dtype)
    v = out = kernels.tensor(["?", heads, "?", SIZES["Dv"]], dtype)
    maps = [map_of("b, h, i, d"), map_of("b, h, j, d"), map_of("b, h, j, e")]
    if variant.get("one_key_head"):
        k, v = (kernels.tensor(["?", "?", SIZES[size]], dtype) for size in ["D", "Dv"])
        maps[1:] = [map_of("b, j, d"), map_of("b, j, e")]
    arguments = [("q", q), ("k", k), ("v", v)]
    clauses = gathered = ""
    if page := variant.get("pages"):
        stored = [kernels.tensor(["?", heads, page, SIZES[size]], dtype) for size in ["D", "Dv"]]
        arguments[1:] = [("k_pages", stored[0]), ("v_pages", stored[1]), ("table", "tensor<?x?xi32>")]
        for name, kind, whole in zip("kv", stored, [k, v], strict=True):
            gathered += f"  %{name} = attn.gather_pages %{name}_pages, %table : ({kind}, tensor<?x?xi32>) -> {whole}\n"
    blocks = {"similarity": ["%x: f32", "%y: f32"], "score": ["%s: f32"], "mask": []}
    for role in ROLES:
        listed = [(name, kind.format(**SIZES), places) for r, name, kind, places in variant.get("ins", []) if r == role]
        for name, kind, places in listed:
            arguments.append((f"{name}_tensor", kind))
            maps.append(map_of(places))
            clauses += f"\n    {role}_ins(%{name}_tensor : {kind})"
            if role in blocks:
                blocks[role].append(f"%{name}: {kind.rstrip('>').rsplit('x', 1)[1]}")
    kinds = {"out": out, "weights": kernels.tensor(["?", heads, "?", "?"], "f32")}
    for name, element in [("topk_values", "f32"), ("topk_indices", "i32")]:
        kinds[name] = kernels.tensor(["?", heads, "?", variant.get("ranks")], element)
    places = {"out": "b, h, i, e", "weights": "b, h, i, j"}
    results = ["out", *variant.get("results", [])]
    inits, outs, types = [], [], []
    for name in results:
        kind = kinds.get(name, kernels.tensor(["?", heads, "?"], "f32"))
        sizes = "%b, %n, %m" if name == "weights" else "%b, %n"
        inits.append(f"  %{name} = tensor.empty({sizes}) : {kind}\n")
        outs.append(f"{name} %{name} : {kind}")
        types.append(kind)
        maps.append(map_of(places.get(name, "b, h, i")))
    normalizer = variant.get("normalizer", "softmax")
    scale = 1.0 if "similarity" in variant else SIZES["D"] ** -0.5
    body = f"""{gathered}  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : {q}
  %n = tensor.dim %q, %c2 : {q}
  %m = tensor.dim %k, %{"c1" if variant.get("one_key_head") else "c2"} : {k}
{"".join(inits)}  %r:{len(results)} = attn.generic ins(%q, %k, %v : {q}, {k}, {v}){clauses}
    outs({", ".join(outs)})
    maps [{kernels.MAP_BREAK.join(maps)}]
    scale({scale!r}) normalizer(#attn.{normalizer})
"""
    for role in ["similarity", "score", "mask"]:
        if role in variant:
            body += region(role, blocks[role], variant[role])
    returned = ", ".join(f"%r#{i}" for i in range(len(results))) + " : " + ", ".join(types)
    listed = ", ".join(f'{kind} {{attn.name = "{name}"}}' for name, kind in zip(results, types, strict=True))
    return kernels.function(arguments, f"({listed})", body + f"  return {returned}\n")


def shape_options(source):
    """--shape for every argument whose type leaves a size open."""
    sizes = {"b": SIZES["B"], "i": SIZES["N"], "j": SIZES["M"]}
    options = []
    if page := re.search(r"%k_pages: tensor<\?x\d+x(\d+)x", source):
        sizes["r"] = SIZES["M"] // int(page[1])
        sizes["p"] = SIZES["B"] * sizes["r"]
        options.append(f"--fill=table=0..{sizes['p']}")
    for name, kind in re.findall(r"%(\w+): tensor<([^>]*)> \{attn.name", source):
        dims = kind.split("x")[:-1]
        if "?" not in dims:
            continue
        open_sizes = {"q": "bi", "k": "bj", "v": "bj", "bias_tensor": "ij", "kept_tensor": "ij"}
        open_sizes = (open_sizes | {"k_pages": "p", "v_pages": "p", "table": "br"})[name]
        filled = iter(sizes[letter] for letter in open_sizes)
        options.append(f"--shape={name}=" + "x".join(str(next(filled)) if dim == "?" else dim for dim in dims))
    return options


def call(file, options, *more, priority=False):
    command = [kernels.build_dir() / "bin/attn-run", file, *options, *more]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=priority
    )
    if priority:
        rounds.weigh(process.pid, True)
    out, errors = process.communicate()
    if process.returncode:
        raise Problem(f"--variants: {file.name}: {(errors or out).strip().splitlines()[0]}")
    return out


def measure(options):
    """Prints the table; the result is what --json writes. Each kernel is compared with float64 first; then they take
    turns, and the fastest turn of each counts."""
    result = report.describe_run(options)
    dtype = options.dtype or "f32"
    best = {}
    sources = {}
    for name, variant in VARIANTS.items():
        source = text(variant, dtype)
        sources[name] = source, shape_options(source), "plain", kept_share(name)
    sources |= stored.list_kernels(dtype)
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for number, (name, (source, shapes, *_)) in enumerate(sources.items()):
            file = pathlib.Path(folder) / f"variant-{number}.mlir"
            file.write_text(source)
            files[name] = file, shapes
            call(*files[name], "--compare")
        for _ in range(options.rounds):
            for name, (file, shapes) in files.items():
                timed = call(file, shapes, "--time", priority=options.priority)
                seconds = float(re.search(r"time: ([\d.]+) us", timed)[1]) * 1e-6
                best[name] = min(best.get(name, seconds), seconds)
    rows = []
    for name, seconds in best.items():
        beside, work = sources[name][2:]
        rows.append({"name": name, "seconds": seconds, "work": work, "beside": beside, "ratio": seconds / best[beside]})
    result["variants"] = {"dtype": dtype, "sizes": SIZES, "rows": rows}
    print("\n".join(report_parts.variant_table(result["variants"])))
    return result
