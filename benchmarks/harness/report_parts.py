# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What text, Markdown and plots have in common: looking into rows, and judging what is asked."""

OURS = "attn-mlir"


def get_contender(row, name):
    return next((c for c in row.get("contenders", []) if c["name"] == name), {})


def ours(row):
    return get_contender(row, OURS)


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
    if ask.get("tile_of"):
        text = f"a visited tile takes <= {ask['tile']:g} % more than of {ask['tile_of']}"
        mine, base = get_tile_seconds(row), find_tile_seconds(rows, ask["tile_of"], row["threads"])
        if mine is None or base is None:
            return text, measured, None
        more = 100 * (mine / base - 1)
        return text, f"{measured}, {row['tiles']:,} tiles, {more:.1f} % more", more <= ask["tile"]
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


def get_tile_seconds(row):
    """Seconds of a visited key tile, or None."""
    seconds = ours(row).get("seconds")
    return seconds / row["tiles"] if seconds and row.get("tiles") else None


def find_tile_seconds(rows, name, threads):
    for row in rows:
        if row["workload"]["name"] == name and row["threads"] == threads:
            return get_tile_seconds(row)
    return None


def verdict(met):
    return {True: "met", False: "NOT MET", None: "not decided"}[met]


def against(row):
    """Our speed as a multiple of the fastest other's, or None."""
    mine = ours(row).get("seconds")
    others = [c["seconds"] for c in row.get("contenders", []) if c["name"] != OURS and "seconds" in c]
    return min(others) / mine if mine and others else None


def word(row, c):
    """A contender in one cell. Where reading from memory takes longest even at best, the share is of its bandwidth."""
    if "seconds" not in c:
        return c.get("failed") or c.get("unsupported") or c.get("busy") or c.get("absent") or "no figure"
    text = f"{c['seconds'] * 1e3:.3f} ms, {c['gflops']:.1f} GF/s, {100 * c['share']:.1f} %"
    if row["workload"]["cold"] and row["bytes"] * row["peak"] > row["flops"] * row["bandwidth"]:
        text = f"{c['seconds'] * 1e3:.3f} ms, {c['gbytes']:.1f} GB/s, {100 * c['bandwidth_share']:.1f} % of memory"
    return text + (f", only {len(c['turns'])} turns" if "busy" in c else "")


def variant_table(measured):
    """What --variants measured, as lines of Markdown."""
    sizes = ", ".join(f"{letter} = {size}" for letter, size in measured["sizes"].items())
    return [
        f"{sizes}, {measured['dtype']}, one thread; work is the share of pairs of rows and keys that are kept. The",
        "last column is a row's time as a multiple of the time of the row beside which it stands.",
        "",
        "| variant | time | work | beside | multiple |",
        "|---|---|---|---|---|",
        *(
            f"| {row['name']} | {row['seconds'] * 1e3:.3g} ms | {row['work']:.2f} | {row.get('beside', 'plain')} "
            f"| {row['ratio']:.2f}x |"
            for row in measured["rows"]
        ),
    ]


def regret_line(row):
    """What --regret measured of one workload."""
    seconds = row["seconds"]
    line = f"{row['workload']['name']}: {100 * row['regret']:.1f} % of {len(seconds)} plans, {row['plan']}"
    if row["regret"] > 0:
        line += f"; faster: {row['fastest']}"
    return line


def regret_table(measured):
    """What --regret measured, as lines of Markdown."""
    rows = measured["rows"]
    lines = [
        "How much longer the plan that the compiler chooses takes than the fastest of all that were tried.",
        "",
        "| workload | threads | plan | time | plans | fastest | regret |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        plan = row["plan"].removeprefix("#attn.plan<online, ").removesuffix(">")
        seconds = row["seconds"]
        lines.append(
            f"| {row['workload']['name']} | {row['threads']} | {plan} | {seconds['chosen'] * 1e3:.3f} ms "
            f"| {len(seconds)} | {row['fastest']} | {100 * row['regret']:.1f} % |"
        )
    regrets = [row["regret"] for row in rows]
    if regrets:
        lines += ["", f"Mean {100 * sum(regrets) / len(regrets):.1f} %, worst {100 * max(regrets):.1f} %."]
    return lines
