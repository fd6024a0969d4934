# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What --gpu measured, as text, JSON and Markdown."""

import json
import re


def head(result):
    return (
        f"{result['gpu']} (compute capability {result['capability']}, driver of CUDA {result['cuda']}), code for "
        f"{result['chip']}, {result['compiler']}; torch: {result['torch']}"
    )


def describe(w):
    mask = "causal" if w["causal"] else "full"
    return f"{w['dtype']} D={w['D']} {mask} N={w['N']} B={w['B']} H={w['H']}"


def word(contender):
    """A contender in one cell."""
    if "tflops" in contender:
        return f"{contender['tflops']:.1f}"
    return contender.get("failed") or contender.get("unsupported") or "no figure"


def line(row):
    cells = ", ".join(f"{c['name']} {word(c)}" for c in row["contenders"])
    return f"{describe(row['workload'])}: TFLOP/s {cells}"


def markdown(result):
    lines = [
        f"# {result['gpu']}, {result['date']}",
        "",
        head(result) + f"; commit {result['commit']}.",
        "",
        "TFLOP/s of the forward pass, median of "
        f"{result['rounds']} turns between two events of the driver; pairs that the mask hides count as no work. All",
        "contenders were compared with float64 on sampled rows first. Made by `./dev bench --gpu --report`.",
    ]
    groups = {}
    for row in result["rows"]:
        w = row["workload"]
        groups.setdefault((w["dtype"], w["D"], w["causal"]), []).append(row)
    for (dtype, size, causal), rows in groups.items():
        names = list(dict.fromkeys(c["name"] for row in rows for c in row["contenders"]))
        lines += [
            "",
            f"## {dtype}, D = {size}{', causal' if causal else ''}",
            "",
            "| rows | " + " | ".join(names) + " |",
            "|---" * (1 + len(names)) + "|",
        ]
        for row in rows:
            found = {c["name"]: word(c) for c in row["contenders"]}
            cells = " | ".join(found.get(name, "not measured") for name in names)
            lines.append(f"| {row['workload']['N']} | {cells} |")
    return "\n".join(lines) + "\n"


def key(row):
    return row["workload"]["name"], row["workload"]["dtype"]


def write(folder, result):
    """GPU-DATE.json, which it returns, and .md; rows of the same day that were not measured again stay."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", result["gpu"].lower()).strip("-")
    record = folder / f"{name}-{result['date']}.json"
    if record.exists():
        rows = {key(row): row for row in json.loads(record.read_text())["rows"] + result["rows"]}
        result = result | {"rows": list(rows.values())}
    record.write_text(json.dumps(result, indent=1) + "\n")
    record.with_suffix(".md").write_text(markdown(result))
    return record
