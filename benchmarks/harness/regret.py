# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the plan stage leaves on the table: its plan beside others for the same attention, each compiled and timed."""

import dataclasses
import pathlib
import re
import statistics
import subprocess
import tempfile

from harness import Problem, Unsupported, kernels, peers, report, report_parts, rounds

PLAN = re.compile(r"#attn\.plan<online, (?P<orientation>\w+), (?P<numbers>[^>]*)>")
CHOSEN = "chosen"
#: Other values of each number, one at a time, and pairs that a cache might like. Those a plan has anyway, and those
#: that the compiler refuses, drop out.
ROWS, KEYS = [16, 32, 48, 64, 96, 128], [16, 32, 64, 96, 128, 256]
PAIRS = [(32, 128), (48, 96), (128, 32)]
REGISTER_TILES = [[2, 4], [4, 2], [4, 4], [6, 2], [6, 4], [8, 2], [12, 1], [1, 8], [2, 8], [5, 3]]
#: A turn of each plan in each round; as many as it takes for minima to settle on a machine that others use.
#: Caches are emptied before each call of a cold one, which takes longer than the call.
TURN_SECONDS, COLD_TURN_SECONDS = 0.03, 0.25


@dataclasses.dataclass(frozen=True)
class Plan:
    orientation: str
    rows: int
    short: int
    keys: int
    split: int
    lanes: int
    tile: tuple[int, int]
    precision: str

    @classmethod
    def parse(cls, match):
        text = match["numbers"]

        def number(name, missing=0):
            found = re.search(rf"\b{name} =? ?(\d+)", text)
            return int(found[1]) if found else missing

        tile = re.search(r"register_tile = \[(\d+), (\d+)\]", text)
        precision = re.search(r"precision = (\w+)", text)
        return cls(
            match["orientation"],
            number("rows"),
            number("short"),
            number("keys"),
            number("split"),
            number("lanes"),
            (int(tile[1]), int(tile[2])),
            precision[1] if precision else "",
        )

    def __str__(self):
        short = f" short {self.short}" if self.short else ""
        split = f" split {self.split}" if self.split else ""
        precision = f", precision = {self.precision}" if self.precision else ""
        return (
            f"#attn.plan<online, {self.orientation}, rows = {self.rows}{short}, keys = {self.keys}{split}, "
            f"lanes = {self.lanes}, register_tile = [{self.tile[0]}, {self.tile[1]}]{precision}>"
        )

    def but(self, **changes):
        changed = dataclasses.replace(self, **changes)
        # What depends on a number that was changed: parts have two tiles at least, short tiles are shorter than others.
        return dataclasses.replace(
            changed,
            split=max(self.split, 2 * changed.keys) if self.split else 0,
            short=self.short if self.short < changed.rows else 0,
        )


def alternatives(plan):
    """{what is different: plan}"""
    found = {}
    if plan.orientation == "rows_minor":
        found |= {f"rows {rows}": plan.but(rows=rows) for rows in ROWS}
        found |= {f"rows {rows}, keys {keys}": plan.but(rows=rows, keys=keys) for rows, keys in PAIRS}
        if plan.short:
            found["no short rows"] = plan.but(short=0)
    else:
        rows = -(-plan.rows // plan.lanes) * plan.lanes
        found["rows_minor"] = plan.but(orientation="rows_minor", rows=rows, keys=max(64, plan.keys), tile=(8, 1))
    found |= {f"keys {keys}": plan.but(keys=keys) for keys in KEYS}
    found |= {f"register_tile {tile}": plan.but(tile=tuple(tile)) for tile in REGISTER_TILES}
    if plan.precision:
        found["precision accumulator"] = plan.but(precision="")
    return {name: other for name, other in found.items() if other != plan}


def read_plan(source):
    """(The IR behind the plan stage, its plan): of a workload with one attention op."""
    command = [kernels.build_dir() / "bin/attn-compile", "-", "--stop-after=plan", "-o", "-"]
    result = subprocess.run(command, input=source, capture_output=True, text=True)
    if result.returncode:
        raise Unsupported(kernels.first_error(result.stderr))
    matches = list(PLAN.finditer(result.stdout))
    if len(matches) != 1:
        raise Problem(f"--regret: expects one plan in the IR, got {len(matches)}")
    return result.stdout, Plan.parse(matches[0])


def compile_plans(w):
    """({name: library}, the plan): the chosen one and all others that compile."""
    _, source = kernels.forms(w)[-1]
    ir, plan = read_plan(source)
    libraries, known = {}, set()
    for name, other in ({CHOSEN: plan} | alternatives(plan)).items():
        text = PLAN.sub(lambda _, other=other: str(other), ir)
        try:
            path, _ = kernels.compile_text(w.name, text, "--start-after=plan")
        except Unsupported:
            if name == CHOSEN:
                raise
            continue
        # Plans of few rows often give the same loops: what is the same code is no alternative.
        if (code := path.read_bytes()) not in known:
            known.add(code)
            libraries[name] = str(path)
    return libraries, plan


def measure_row(bench, w):
    libraries, plan = compile_plans(w)
    layout = kernels.forms(w)[-1][0]
    with tempfile.TemporaryDirectory(prefix="attn-bench-") as name:
        [(worker, answer)] = bench.prepare(
            w, pathlib.Path(name), {f"{layout}, {key}": path for key, path in libraries.items()}
        )
    if "variants" not in answer:
        raise Problem(f"--regret: {w.name}: {answer.get('failed') or answer.get('unsupported')}")
    best = {}
    for _ in range(bench.settings.rounds):
        for number, variant in enumerate(answer["variants"]):
            if variant.get("error_ratio", 2) > 1:
                raise Problem(f"--regret: {w.name}: {variant['variant']} is beyond the error budget")
            worker.set_priority(True)
            turn = worker.ask("time", variant=number, seconds=COLD_TURN_SECONDS if w.cold else TURN_SECONDS)
            worker.set_priority(False)
            if turn.get("seconds"):
                key = variant["variant"].removeprefix(f"{layout}, ")
                best[key] = min(best.get(key, turn["seconds"]), turn["seconds"])
    worker.ask("keep", variant=-1)
    fastest = min(best, key=best.get)
    return {
        "workload": dataclasses.asdict(w),
        "threads": bench.threads,
        "plan": str(plan),
        "seconds": best,
        "fastest": fastest,
        "regret": best[CHOSEN] / best[fastest] - 1,
    }


def measure(options, selected):
    """Prints a line for each workload; the result is what --json writes."""
    result = report.describe_run(options)
    rows = []
    settings = rounds.Settings(rounds=options.rounds, priority=options.priority)
    with rounds.Bench(options.threads or 1, [peers.OURS], settings) as bench:
        for w in selected:
            try:
                rows.append(measure_row(bench, w))
            except Unsupported as error:
                print(f"{w.name}: {error}")
                continue
            print(report_parts.regret_line(rows[-1]), flush=True)
    regrets = [row["regret"] for row in rows]
    if regrets:
        print(f"regret: mean {100 * statistics.mean(regrets):.1f} %, worst {100 * max(regrets):.1f} %")
    result["regret"] = {"rows": rows}
    return result
