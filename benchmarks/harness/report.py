# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rows as text, JSON and Markdown."""

import datetime
import json
import pathlib
import platform
import re
import subprocess

from harness import kernels, workloads

OURS = "attn-mlir"


def describe_run(options):
    """What is known before anything is measured."""
    tools = kernels.build_dir()
    # The header of any kernel says which compiler made it, and for which processor by LLVM's name.
    source = kernels.text(
        workloads.make_workload({"name": "any", "family": "", "B": 1, "H": 1, "N": 1, "D": 16}), "bhnd"
    )
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
        "bandwidth": {},
        "rows": [],
    }


def ours(row):
    return next((c for c in row.get("contenders", []) if c["name"] == OURS), {})


def judge_asked(row, rows):
    """(what is asked, what was measured, whether it is met or None without a figure), in words."""
    ask, share = row["asked"], ours(row).get("share")
    measured = "no figure" if share is None else f"{100 * share:.1f} %"
    if ask["share"]:
        return f">= {ask['share']:g} %", measured, None if share is None else 100 * share >= ask["share"]
    if ask["points_of"]:
        base = find_share(rows, ask["points_of"], row["threads"])
        text = f"<= {ask['points']:g} points below {ask['points_of']}"
        if share is None or base is None:
            return text, measured, None
        below = 100 * (base - share)
        return text, f"{measured}, {below:.1f} points below", below <= ask["points"]
    base = find_share(rows, ask["workload"], 1)
    text = f">= {ask['scaling']:g} % of {row['threads']} threads' peak x one thread's share"
    if share is None or base is None:
        return text, measured, None
    return text, f"{measured}, {100 * share / base:.1f} % of it", 100 * share / base >= ask["scaling"]


def find_share(rows, name, threads):
    for row in rows:
        if row["workload"]["name"] == name and row["threads"] == threads:
            return ours(row).get("share")
    return None


def print_head(bench, result):
    threads = "1 thread" if bench.threads == 1 else f"{bench.threads} threads"
    gbytes = result["bandwidth"][str(bench.threads)] * 1e-9
    print(f"\n{result['cpu_model']} ({result['cpu']}), {threads}, memory read {gbytes:.1f} GB/s, {result['compiler']}")
    for peer in bench.absent:
        print(f"  {peer.name}: not installed: {peer.install_hint}")
    versions = ", ".join(f"{name} {version}" for name, version in bench.versions.items())
    print(f"  {versions}", flush=True)


def word(c):
    """A contender in one cell."""
    if "seconds" not in c:
        return c.get("failed") or c.get("unsupported") or c.get("busy") or c.get("absent") or "no figure"
    few = f", only {len(c['turns'])} turns" if "busy" in c else ""
    return f"{c['seconds'] * 1e3:.3f} ms, {c['gflops']:.1f} GF/s, {100 * c['share']:.1f} %{few}"


def print_row(row, result):
    w = workloads.Workload(**row["workload"])
    print(f"\n{w.name}: {w.describe()}")
    if "unsupported" in row:
        print(f"  not supported: {row['unsupported']}", flush=True)
        return
    print(f"  peak {row['peak'] * 1e-9:.1f} GF/s ({row['instructions']})")
    for c in row["contenders"]:
        print(f"  {c['name']:12} {word(c)}{details(c)}")
    if "asked" in row:
        asked, measured, met = judge_asked(row, result["rows"])
        print(f"  asked {asked}: {measured}: {verdict(met)}")
    print(end="", flush=True)


def details(c):
    if "seconds" not in c:
        return ""
    turns = f"{len(c['turns'])} turns within {100 * c['spread']:.1f} %, {c['discarded']} discarded"
    return f" ({c['variant']}; {turns}; error {c['error_ratio']:.2g} of budget)"


def verdict(met):
    return {True: "met", False: "NOT MET", None: "not decided"}[met]


def against(row):
    """Our speed as a multiple of the fastest other's, or None."""
    mine = ours(row).get("seconds")
    others = [c["seconds"] for c in row.get("contenders", []) if c["name"] != OURS and "seconds" in c]
    return min(others) / mine if mine and others else None


def markdown(result):
    """The whole report."""
    lines = [
        f"# {result['cpu_model']} ({result['cpu']}), {result['date']}",
        "",
        f"Made by `./dev bench` with {result['compiler']}; how it measures is in `./dev bench --help`. Best of",
        f"{result['rounds']} turns. Shares are of the multiply-add peak that as many threads reached in the same run.",
        "",
    ]
    for threads, value in result["bandwidth"].items():
        lines.append(f"- read bandwidth with {threads} thread(s): {value * 1e-9:.1f} GB/s")
    versions = {c["name"]: c["version"] for row in result["rows"] for c in row.get("contenders", []) if "version" in c}
    lines += [f"- {name}: {version}" for name, version in versions.items()]
    asked = [row for row in result["rows"] if "asked" in row]
    if asked:
        lines += ["", "## What the project asks of itself", ""]
        lines += ["| shape | threads | asked | measured | |", "|---|---|---|---|---|"]
        for row in asked:
            text, measured, met = judge_asked(row, result["rows"])
            w = workloads.Workload(**row["workload"])
            lines.append(f"| {w.name}: {w.describe()} | {row['threads']} | {text} | {measured} | {verdict(met)} |")
    lines += ["", "## All contenders", ""]
    measured = [row for row in result["rows"] if "contenders" in row]
    columns = list(dict.fromkeys(c["name"] for row in measured for c in row["contenders"] if "absent" not in c))
    lines += [
        "| workload | threads | " + " | ".join(columns) + " | ours against the best other |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for row in measured:
        w = workloads.Workload(**row["workload"])
        cells = {c["name"]: word(c) + (f" ({c['variant']})" if "seconds" in c else "") for c in row["contenders"]}
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


def write(folder, result):
    """CPU-DATE.json and .md; rows of the same day that are not measured now stay."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f"{result['cpu']}-{result['date']}"
    base.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    base.with_suffix(".md").write_text(markdown(result))
    print(f"\nwrote {base.name}.json and {base.name}.md in {folder}")
