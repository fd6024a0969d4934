#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes docs/Combinations.md: what combines with what, found out by compiling and running it.

Every pair of choices of two features is in at least one kernel that is compiled, called and held against float64, or is
refused by name. Kernels are chosen so that few of them hold all pairs (a covering array, greedily).
"""

import argparse
import concurrent.futures
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile

# feature -> choices; the first is what kernels of refused pairs have elsewhere.
FEATURES = {
    "type": ["f32", "bf16", "f16"],
    "layout": ["bhnd", "bnhd", "keys innermost"],
    "storage": ["as computed", "int8", "rotated"],
    "heads": ["equal", "grouped", "one key head"],
    "head sizes": ["Dv = D", "Dv != D"],
    "sizes": ["unknown", "static"],
    "rows": ["70", "1", "5"],
    "mask": ["none", "causal", "window", "lengths", "documents", "truth values", "by score"],
    "score": ["plain", "bias", "softcap", "slopes by head", "table"],
    "normalizer": ["softmax", "softmax_sink", "sigmoid", "identity"],
    "results": ["out", "lse", "max", "entropy", "weights", "top-k"],
    "threads": ["1", "2"],
    "processor": ["x86-64-v4", "x86-64-v2", "x86-64-v3", "cooperlake"],
}
# Pairs that are refused, and words of the refusal: each is tried, and has to be refused by them.
REFUSED = {
    (("normalizer", n), ("results", r)): f"expects results that normalizer #attn.{n} defines, got {r}"
    for n in ("sigmoid", "identity")
    for r in ("lse", "max", "entropy")
}
REFUSED[("processor", "x86-64-v2"), ("type", "f16")] = "converting f16 takes instructions"

BATCH, KEYS, WIDTH, RANKS = 2, 133, 16, 5


def key_of(a, b):
    return tuple(sorted((a, b)))


REFUSED = {key_of(*pair): words for pair, words in REFUSED.items()}


class Kernel:
    """The text of one kernel and the words of its call."""

    def __init__(self, choice):
        self.choice = choice
        self.element = choice["type"]
        self.arguments, self.roles, self.maps, self.body = [], {}, {}, []
        heads = {"equal": (3, 1), "grouped": (2, 3), "one key head": (1, 3)}[choice["heads"]]
        rows = int(choice["rows"])
        dv = WIDTH if choice["head sizes"] == "Dv = D" else 24
        self.size = {"b": BATCH, "h": heads[0], "g": heads[1], "i": rows, "j": KEYS, "d": WIDTH, "e": dv, "k": RANKS}
        self.unknown = set("bij") if choice["sizes"] == "unknown" else set()
        self.loops = "bhgijde"
        if choice["heads"] == "equal":
            self.loops = self.loops.replace("g", "")
        elif choice["heads"] == "one key head":
            self.loops = self.loops.replace("h", "")
        self.shapes = []

    def tensor(self, loops, element):
        return "tensor<" + "".join(f"{'?' if x in self.unknown else self.size[x]}x" for x in loops) + element + ">"

    def only(self, loops):
        return "".join(x for x in loops if x in self.loops)

    def add(self, name, loops, element):
        self.arguments.append(f'%{name}: {self.tensor(loops, element)} {{attn.name = "{name}"}}')
        if self.unknown & set(loops):
            self.shapes.append(f"--shape={name}=" + "x".join(str(self.size[x]) for x in loops))
        return f"%{name}", self.tensor(loops, element), self.map(loops)

    def map(self, loops):
        return f"affine_map<({', '.join(self.loops)}) -> ({', '.join(loops)})>"

    def at(self, loop):
        return f"attn.index {self.loops.index(loop)}"

    def operands(self):
        """Q, K and V, then those of the score, the mask and the normalizer."""
        layout = self.choice["layout"]
        orders = {"bhnd": ("bhgid", "bhjd", "bhje"), "bnhd": ("bihgd", "bjhd", "bjhe")}
        orders["keys innermost"] = ("bhgid", "bhdj", "bhje")
        q, k, v = (self.only(order) for order in orders[layout])
        self.q = q
        self.keys = k
        self.made = []
        self.contracted = [self.add("q", q, self.element), self.produce("k", k), self.produce("v", v)]
        self.score_in, self.mask_in, self.sink_in = [], [], []
        head = self.only("hg")[-1]
        self.score_body, self.mask_body = [], []
        score = self.choice["score"]
        value = "%s"
        if score == "bias":
            self.score_in.append((*self.add("bias", self.only("hgij"), "f32"), "f32"))
            self.score_body.append(f"%s1 = arith.addf {value}, %bias_x : f32")
            value = "%s1"
        elif score == "slopes by head":
            self.score_in.append((*self.add("slope", head, "f32"), "f32"))
            self.score_body += [
                f"%si = {self.at('i')}",
                f"%sj = {self.at('j')}",
                "%sa = arith.subi %sj, %si : index",
                "%sb = arith.index_cast %sa : index to i32",
                "%sc = arith.sitofp %sb : i32 to f32",
                "%sd = arith.mulf %slope_x, %sc : f32",
                f"%s1 = arith.addf {value}, %sd : f32",
            ]
            value = "%s1"
        elif score == "softcap":
            self.score_body += [
                "%cap = arith.constant 5.0 : f32",
                f"%sa = arith.divf {value}, %cap : f32",
                "%sb = math.tanh %sa : f32",
                "%s1 = arith.mulf %sb, %cap : f32",
            ]
            value = "%s1"
        mask = self.choice["mask"]
        if mask in ("causal", "window", "by score"):
            code = [
                f"%mi = {self.at('i')}",
                f"%mj = {self.at('j')}",
                "%m63 = arith.constant 63 : index",
                "%mk = arith.addi %mi, %m63 : index",
                "%keep0 = arith.cmpi sle, %mj, %mk : index",
            ]
            if mask == "window":
                code += ["%keep1 = arith.cmpi sge, %mj, %mi : index", "%keep = arith.andi %keep0, %keep1 : i1"]
            else:
                code[-1] = code[-1].replace("%keep0", "%keep")
            if mask == "by score":
                self.score_body += code + [
                    "%ninf = arith.constant 0xFF800000 : f32",
                    f"%s2 = arith.select %keep, {value}, %ninf : f32",
                ]
                value = "%s2"
            else:
                self.mask_body = code
        elif mask == "lengths":
            self.mask_in.append((*self.add("length", "b", "i32"), "i32"))
            self.mask_body = [
                f"%mj = {self.at('j')}",
                "%ml = arith.index_cast %length_x : i32 to index",
                "%keep = arith.cmpi slt, %mj, %ml : index",
            ]
        elif mask == "documents":
            self.mask_in.append((*self.add("row_document", "i", "i32"), "i32"))
            self.mask_in.append((*self.add("key_document", "j", "i32"), "i32"))
            self.mask_body = ["%keep = arith.cmpi eq, %row_document_x, %key_document_x : i32"]
        elif mask == "truth values":
            self.mask_in.append((*self.add("keep_pair", "bij", "i1"), "i1"))
            self.mask_body = ["%zero = arith.constant false", "%keep = arith.xori %keep_pair_x, %zero : i1"]
        if self.choice["normalizer"] == "softmax_sink":
            self.sink_in.append((*self.add("sink", head, "f32"), "f32"))
        self.captures = []
        if score == "table":
            self.arguments.append('%table: tensor<33xf32> {attn.name = "table"}')
            self.captures = [("%table", "tensor<33xf32>")]
            self.score_body += [
                f"%si = {self.at('i')}",
                f"%sj = {self.at('j')}",
                "%sa = arith.subi %sj, %si : index",
                "%low = arith.constant 0 : index",
                "%high = arith.constant 32 : index",
                "%sb = arith.maxsi %sa, %low : index",
                "%sc = arith.minsi %sb, %high : index",
                "%sd = tensor.extract %table_c[%sc] : tensor<33xf32>",
                f"%s3 = arith.addf {value}, %sd : f32",
            ]
            value = "%s3"
        self.score_value = value

    def produce(self, name, loops):
        """K or V: as it is stored, or made of it element by element, exactly, so that nothing is rounded twice."""
        storage = self.choice["storage"]
        element = {"as computed": self.element, "int8": "i8", "rotated": self.element}[storage]
        stored, kind, to = self.add(name, loops, element)
        if storage == "as computed":
            return stored, kind, to
        dims = [f"d{number}" for number in range(len(loops))]
        sizes = []
        for number, loop in enumerate(loops):
            if loop in self.unknown:
                self.made.append(f"%{name}_at{number} = arith.constant {number} : index")
                self.made.append(f"%{name}_size{number} = tensor.dim {stored}, %{name}_at{number} : {kind}")
                sizes.append(f"%{name}_size{number}")
        made = self.tensor(loops, "f32" if storage == "int8" else element)
        identity = f"affine_map<({', '.join(dims)}) -> ({', '.join(dims)})>"
        inputs = [(stored, kind, identity)] if storage == "int8" else []
        if storage == "int8":  # a factor for each key
            factor, factor_kind, _ = self.add(f"{name}_factor", "j", "f32")
            inputs.append((factor, factor_kind, f"affine_map<({', '.join(dims)}) -> (d{loops.index('j')})>"))
        names, kinds = ", ".join(i[0] for i in inputs), ", ".join(i[1] for i in inputs)
        maps = ", ".join([i[2] for i in inputs] + [identity])
        parallel = ", ".join(['"parallel"'] * len(loops))
        self.made += [
            f"%{name}_init = tensor.empty({', '.join(sizes)}) : {made}",
            f"%{name}_made = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{parallel}]}}",
            f"  {f'ins({names} : {kinds}) ' if inputs else ''}outs(%{name}_init : {made}) {{",
        ]
        if storage == "int8":
            self.made += [
                "^bb0(%x: i8, %factor: f32, %unused: f32):",
                "  %wide = arith.sitofp %x : i8 to f32",
                "  %step = arith.constant 0.0078125 : f32",
                "  %small = arith.mulf %wide, %step : f32",
                "  %y = arith.mulf %small, %factor : f32",
                "  linalg.yield %y : f32",
            ]
        else:  # the neighbour of each element, as rotary positions read it
            last = loops.index("d" if "d" in loops else "e")
            self.made += [f"^bb0(%unused: {element}):"]
            self.made += [f"  %n{number} = linalg.index {number} : index" for number in range(len(loops))]
            at = ", ".join("%other" if number == last else f"%n{number}" for number in range(len(loops)))
            self.made += [
                "  %one = arith.constant 1 : index",
                f"  %other = arith.xori %n{last}, %one : index",
                f"  %y = tensor.extract {stored}[{at}] : {kind}",
                f"  linalg.yield %y : {element}",
            ]
        self.made.append(f"}} -> {made}")
        return f"%{name}_made", made, to

    def text(self):
        self.operands()
        dims, sizes = [], {}
        for loop in sorted(self.unknown):
            source = 0 if loop in self.q else 1
            name, kind, _ = self.contracted[source]
            loops = self.q if source == 0 else self.keys
            dims += [
                f"%at_{loop} = arith.constant {loops.index(loop)} : index",
                f"%size_{loop} = tensor.dim {name}, %at_{loop} : {kind}",
            ]
            sizes[loop] = f"%size_{loop}"
        rows = self.only("bhgi")
        out = self.only("bihge") if self.choice["layout"] == "bnhd" else self.only("bhgie")
        results = [("out", out, self.element)]
        kind = self.choice["results"]
        if kind == "top-k":
            results += [("topk_values", rows + "k", "f32"), ("topk_indices", rows + "k", "i32")]
        elif kind != "out":
            results.append((kind, rows + ("j" if kind == "weights" else ""), "f32"))
        outs, types, names, maps = [], [], [], [m for *_, m in self.contracted]
        for group in (self.score_in, self.mask_in, self.sink_in):
            maps += [entry[2] for entry in group]
        for number, (kind, loops, element) in enumerate(results):
            given = ", ".join(sizes[x] for x in loops if x in sizes)
            dims.append(f"%init{number} = tensor.empty({given}) : {self.tensor(loops, element)}")
            outs.append(f"{kind} %init{number} : {self.tensor(loops, element)}")
            types.append(self.tensor(loops, element))
            maps.append(self.map(loops.rstrip("k")))  # ranks are no loop
            names.append("%r" if len(results) == 1 else f"%r#{number}")

        def role(word, entries):
            if not entries:
                return ""
            return f"    {word}(" + ", ".join(e[0] for e in entries) + " : " + ", ".join(e[1] for e in entries) + ")\n"

        def region(word, entries, leading, body, value, kind):
            given = leading + [f"{e[0]}_x: {e[3]}" for e in entries] + [f"{c[0]}_c: {c[1]}" for c in self.captures]
            head = f"    ^bb0({', '.join(given)}):\n" if given else ""
            return (
                f"    {word} {{\n{head}"
                + "".join(f"      {x}\n" for x in body)
                + f"      attn.yield {value} : {kind}\n    }}\n"
            )

        text = f"func.func @kernel({', '.join(self.arguments)})\n    -> ("
        text += ", ".join(f'{t} {{attn.name = "{r[0]}"}}' for t, r in zip(types, results, strict=True)) + ") {\n"
        text += "".join(f"  {line}\n" for line in self.made + dims)
        text += f"  %r{'' if len(results) == 1 else f':{len(results)}'} = attn.generic ins("
        text += ", ".join(c[0] for c in self.contracted) + " : " + ", ".join(c[1] for c in self.contracted) + ")\n"
        text += role("score_ins", self.score_in) + role("mask_ins", self.mask_in) + role("normalizer_ins", self.sink_in)
        text += role("captures", self.captures)
        text += f"    outs({', '.join(outs)})\n    maps [{', '.join(maps)}]\n"
        text += f"    scale(0.25) normalizer(#attn.{self.choice['normalizer']})\n"
        if self.score_body:
            text += region("score", self.score_in, ["%s: f32"], self.score_body, self.score_value, "f32")
        if self.mask_body:
            text += region("mask", self.mask_in, [], self.mask_body, "%keep", "i1")
        return text + f"  return {', '.join(names)} : {', '.join(types)}\n}}\n"

    def words(self):
        words = [f"--cpu={self.choice['processor']}", "--compare", f"--threads={self.choice['threads']}", *self.shapes]
        if self.choice["storage"] == "int8":
            words += ["--fill=k=-127..127", "--fill=v=-127..127"]
        if self.choice["mask"] == "lengths":
            words.append(f"--fill=length=0..{KEYS}")
        return words


def pairs_of(choice):
    return {key_of(a, b) for a, b in itertools.combinations(choice.items(), 2)}


def all_pairs():
    for (f, fs), (g, gs) in itertools.combinations(FEATURES.items(), 2):
        for a, b in itertools.product(fs, gs):
            yield key_of((f, a), (g, b))


def cover():
    """Choices that together hold every pair that is not refused."""
    left = {pair: None for pair in all_pairs() if pair not in REFUSED}
    kernels = []
    while left:
        choice = dict(next(iter(left)))
        for feature, values in FEATURES.items():
            if feature in choice:
                continue

            def gain(value, feature=feature, choice=choice):
                pairs = [key_of(item, (feature, value)) for item in choice.items()]
                return -1 if any(p in REFUSED for p in pairs) else sum(p in left for p in pairs)

            choice[feature] = max(values, key=gain)
        kernels.append({feature: choice[feature] for feature in FEATURES})
        for pair in pairs_of(choice):
            left.pop(pair, None)
    return kernels


def run(tool, choice, folder, number):
    """What attn-run says, and whether it is content."""
    kernel = Kernel(choice)
    path = folder / f"kernel{number}.mlir"
    path.write_text(kernel.text())
    done = subprocess.run([tool, path, *kernel.words()], capture_output=True, text=True, timeout=240)
    return done.returncode == 0, done.stdout + done.stderr


def refused_choice(pair):
    choice = {feature: values[0] for feature, values in FEATURES.items()}
    choice.update(dict(pair))
    return choice


def table(kernels):
    """docs/Combinations.md."""
    notes = []
    lines = ["<!-- SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception -->", "# What combines with what", ""]
    lines += [
        "Each choice of a feature with each choice of another: *all* where every pair of them was compiled, called and",
        "held against float64 within the budget of [Numerics](Numerics.md); else the choices that are refused, and",
        f"below by which words. {sum(1 for _ in all_pairs())} pairs, {len(REFUSED)} of them refused, the others in"
        f" {len(kernels)} kernels. `utils/combinations.py`",
        "writes kernels and page; `test/Docs/combinations-1.test` and `-2` run them again. f64 is refused",
        "whatever goes with it.",
        "",
        "| feature | choices |",
        "|---|---|",
    ]
    lines += [f"| {feature} | {', '.join(values)} |" for feature, values in FEATURES.items()]
    lines += ["", "| | " + " | ".join(FEATURES) + " |", "|" + "---|" * (len(FEATURES) + 1)]
    for feature, values in FEATURES.items():
        for value in values:
            cells = []
            for other, others in FEATURES.items():
                if other == feature:
                    cells.append("")
                    continue
                cell = []
                for item in others:
                    words = REFUSED.get(key_of((feature, value), (other, item)))
                    if words:
                        if words not in notes:
                            notes.append(words)
                        cell.append(f"not {item} [{notes.index(words) + 1}]")
                cells.append(", ".join(cell) or "all")
            lines.append(f"| {feature}: {value} | " + " | ".join(cells) + " |")
    lines += [""] + [f"{number + 1}. `{words}`" for number, words in enumerate(notes)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", metavar="PROGRAM", help="attn-run; without it nothing is run")
    parser.add_argument("--jobs", type=int, default=2, help="kernels at a time (default 2)")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="run only each N-th kernel, from the K-th")
    parser.add_argument("--write", metavar="FILE", help="write the page when all is as it says")
    parser.add_argument("--check", metavar="FILE", help="fail unless the page is this file")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the kernels here")
    options = parser.parse_args()
    if options.write and not options.run:
        parser.error("--write: a page says what ran, so it needs --run")
    part, parts = (int(x) for x in options.part.split("/"))
    kernels = cover()
    tasks = [(choice, None) for choice in kernels]
    tasks += [(refused_choice(pair), words) for pair, words in REFUSED.items()]
    tasks = tasks[part - 1 :: parts] if options.run else []
    failures = 0
    with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        folder = pathlib.Path(options.keep or temporary)
        os.makedirs(folder, exist_ok=True)
        numbers = range(len(tasks))
        ran = pool.map(lambda task, number: run(options.run, task[0], folder, number), tasks, numbers)
        for number, ((choice, words), (passed, said)) in enumerate(zip(tasks, ran, strict=True)):
            if passed if words is None else (not passed and words in said):
                continue
            failures += 1
            expected = "a result within tolerance" if words is None else f"a refusal: {words}"
            print(f"kernel {number}, {choice}: expected {expected}, got\n{said}", file=sys.stderr)
    page = table(kernels)
    if options.check and pathlib.Path(options.check).read_text() != page:
        print(f"{options.check} is not what {sys.argv[0]} --write gives", file=sys.stderr)
        failures += 1
    if options.write and not failures:
        pathlib.Path(options.write).write_text(page)
    print(f"{len(tasks)} kernels, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
