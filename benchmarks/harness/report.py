# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rows as text, JSON and Markdown."""

import datetime
import json
import pathlib
import platform
import re
import subprocess

from harness import kernels, plots, workloads
from harness.report_parts import OURS, against, judge_asked, regret_table, variant_table, verdict, word


def describe_run(options):
    """What is known before anything is measured."""
    tools = kernels.build_dir()
    # The header of any kernel says which compiler made it, and for which processor by LLVM's name.
    any_workload = workloads.make_workload({"name": "any", "family": "", "B": 1, "H": 1, "N": 1, "D": 16})
    source = kernels.forms(any_workload)[0][1]
    command = [tools / "bin/attn-compile", "-", "--emit=header"]
    header = subprocess.run(command, input=source, capture_output=True, text=True).stdout
    compiler, cpu = re.search(r"Made by (\S+ \S+) for (\S+)\.", header).groups()
    command = ["git", "-C", pathlib.Path(__file__).parent, "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    model = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu,
        "cpu_model": model.group(1).strip() if model else platform.machine(),
        "commit": commit,
        "compiler": compiler,
        "rounds": options.rounds,
        "priority": options.priority,
        "rows": [],
    }


def print_head(bench, result):
    threads = "1 thread" if bench.threads == 1 else f"{bench.threads} threads"
    print(f"\n{result['cpu_model']} ({result['cpu']}), {threads}, {result['compiler']}")
    for peer in bench.absent:
        print(f"  {peer.name}: not installed: {peer.install_hint}")
    versions = ", ".join(f"{name} {version}" for name, version in bench.versions.items())
    print(f"  {versions}", flush=True)


def print_row(row, result):
    w = workloads.Workload(**row["workload"])
    print(f"\n{w.name}: {w.describe()}")
    if "unsupported" in row:
        print(f"  not supported: {row['unsupported']}", flush=True)
        return
    print(f"  peak {row['peak'] * 1e-9:.1f} GF/s ({row['instructions']}), memory {row['bandwidth'] * 1e-9:.1f} GB/s")
    for c in row["contenders"]:
        print(f"  {c['name']:12} {word(row, c)}{details(c)}")
    if "asked" in row:
        asked, measured, met = judge_asked(row, result["rows"])
        print(f"  asked {asked}: {measured}: {verdict(met)}")
    print(end="", flush=True)


def cell_details(c):
    return f" ({c['variant']}; turns within {100 * c['spread']:.1f} %)" if "seconds" in c else ""


def details(c):
    if "seconds" not in c:
        return ""
    turns = f"{len(c['turns'])} turns within {100 * c['spread']:.1f} %, {c['discarded']} discarded"
    return f" ({c['variant']}; {turns}; error {c['error_ratio']:.2g} of budget)"


def markdown(result):
    """The whole report."""
    lines = [
        f"# {result['cpu_model']} ({result['cpu']}), {result['date']}",
        "",
        f"Made by `./dev bench` with {result['compiler']}; how it measures is in `./dev bench --help`.",
        "Shares are of the f32 multiply-add peak that as many threads reached in the same run.",
        "",
    ]
    for threads in sorted({row["threads"] for row in result["rows"]}):
        speeds = [row["bandwidth"] * 1e-9 for row in result["rows"] if row["threads"] == threads]
        lines.append(f"- read bandwidth with {threads} thread(s): {min(speeds):.1f} to {max(speeds):.1f} GB/s")
    versions = {c["name"]: c["version"] for row in result["rows"] for c in row.get("contenders", []) if "version" in c}
    commits = ", ".join(dict.fromkeys(row["commit"] for row in result["rows"] if row.get("commit")))
    versions[OURS] = f"commit {commits}"
    lines += [f"- {name}: {version}" for name, version in versions.items()]
    asked = [row for row in result["rows"] if "asked" in row]
    if asked:
        lines += ["", "## What the project asks of itself", ""]
        lines += ["| shape | threads | asked | measured | |", "|---|---|---|---|---|"]
        for row in asked:
            text, measured, met = judge_asked(row, result["rows"])
            w = workloads.Workload(**row["workload"])
            lines.append(f"| {w.name}: {w.describe()} | {row['threads']} | {text} | {measured} | {verdict(met)} |")
    if "memory" in result:
        asked, growth = (result["memory"][name] / 2**20 for name in ("asked", "growth"))
        lines += [
            "",
            f"32,768 rows and keys, tensors apart: asked <= {asked:g} MB more than 64, measured {growth:.2f} MB",
        ]
        lines[-1] += f": {verdict(growth <= asked)}."
    if "variants" in result:
        lines += ["", "## Variants", "", *variant_table(result["variants"])]
    if "regret" in result:
        lines += ["", "## Regret of the plan", "", *regret_table(result["regret"])]
    lines += ["", "## All contenders", ""]
    measured = [row for row in result["rows"] if "contenders" in row]
    columns = list(dict.fromkeys(c["name"] for row in measured for c in row["contenders"] if "absent" not in c))
    lines += [
        "| workload | threads | " + " | ".join(columns) + " | ours against the best other |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for row in measured:
        w = workloads.Workload(**row["workload"])
        cells = {c["name"]: word(row, c) + cell_details(c) for c in row["contenders"]}
        ratio = against(row)
        lines.append(
            f"| {w.name}: {w.describe()} | {row['threads']} | "
            + " | ".join(cells.get(name, "") for name in columns)
            + f" | {f'{ratio:.2f}x' if ratio else ''} |"
        )
    losses = [row for row in measured if (against(row) or 1) < 1]
    if losses:
        lines += ["", "## Where others are faster", ""]
        for row in losses:
            others = [c for c in row["contenders"] if c["name"] != OURS and "seconds" in c]
            best = min(others, key=lambda c: c["seconds"])["name"]
            name, threads = row["workload"]["name"], row["threads"]
            lines.append(f"- {name}, {threads} thread(s): {best}; we run at {against(row):.2f}x its speed")
    missing = [row for row in result["rows"] if "unsupported" in row]
    if missing:
        lines += ["", "## Not supported yet", ""]
        for row in missing:
            w = workloads.Workload(**row["workload"])
            lines.append(f"- {w.name} ({w.describe()}): {row['unsupported']}")
    notes = [(w["name"], w["note"]) for w in (row["workload"] for row in result["rows"]) if w["note"]]
    if notes:
        lines += ["", "## Left out of a model's own attention", ""]
        lines += [f"- {name}: {note}" for name, note in dict(notes).items()]
    return "\n".join(lines) + "\n"


def key(row):
    return row["workload"]["name"], row["workload"]["dtype"], row["threads"]


def merge(old, new):
    """The rows of two runs: a newer row takes the place of an older one."""
    rows = {key(row): row for row in old + new}
    return list(rows.values())


def write(folder, result):
    """CPU-DATE.json, which it returns, .md and plots; rows of the same day that were not measured again stay."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f"{result['cpu']}-{result['date']}"
    record = base.with_suffix(".json")
    if record.exists():
        old = json.loads(record.read_text())
        rows = {"rows": merge(old["rows"], result["rows"])}
        if "regret" in old and "regret" in result:
            rows["regret"] = {"rows": merge(old["regret"]["rows"], result["regret"]["rows"])}
        result = old | result | rows
    record.write_text(json.dumps(result, indent=1) + "\n")
    text = markdown(result)
    for name, svg in plots.make_plots(result["rows"]).items():
        file = folder / f"{base.name}-{name}.svg"
        file.write_text(svg)
        text += f"\n![{name}]({file.name})\n"
    base.with_suffix(".md").write_text(text)
    return record
