# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Plots as small SVG files: speed against N, and the roofline. Written by hand, so that a report needs no library."""

import math

from harness import workloads
from harness.report_parts import OURS, get_contender, ours

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 48
LEGEND_WIDTH = 150
#: Okabe and Ito's palette, which colour-blind readers can tell apart.
COLOURS = {OURS: "#d55e00", "onnxruntime": "#0072b2", "openvino": "#009e73", "torch": "#cc79a7"}
GREY = "#777777"


class Chart:
    """Two logarithmic axes."""

    def __init__(self, title, x_label, y_label, xs, ys):
        self.x_range, self.y_range = spread(xs), spread(ys)
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            text(LEFT, 20, title, size=14),
            text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, anchor="middle"),
            f'<g transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">'
            + text(0, 0, y_label, anchor="middle")
            + "</g>",
        ]
        for value in ticks(*self.x_range):
            self.parts.append(line(self.x(value), TOP, self.x(value), HEIGHT - BOTTOM, "#dddddd"))
            self.parts.append(text(self.x(value), HEIGHT - BOTTOM + 16, f"{value:g}", anchor="middle"))
        for value in ticks(*self.y_range):
            self.parts.append(line(LEFT, self.y(value), WIDTH - RIGHT, self.y(value), "#dddddd"))
            self.parts.append(text(LEFT - 6, self.y(value) + 4, f"{value:g}", anchor="end"))
        self.legend_rows = 0

    def x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * position(value, *self.x_range)

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * position(value, *self.y_range)

    def curve(self, points, colour, dashed=False):
        places = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')

    def dots(self, points, colour):
        for x, y, label in points:
            place = f'cx="{self.x(x):.1f}" cy="{self.y(y):.1f}"'
            self.parts.append(f'<circle {place} r="3.5" fill="{colour}"><title>{label}</title></circle>')

    def legend(self, name, colour):
        y = HEIGHT - BOTTOM - 12 - 16 * self.legend_rows
        self.legend_rows += 1
        self.parts.append(f'<circle cx="{WIDTH - RIGHT - LEGEND_WIDTH}" cy="{y - 4}" r="4" fill="{colour}"/>')
        self.parts.append(text(WIDTH - RIGHT - LEGEND_WIDTH + 10, y, name))

    def finish(self):
        return "\n".join([*self.parts, "</svg>"]) + "\n"


def text(x, y, words, anchor="start", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{words}</text>'


def line(x1, y1, x2, y2, colour):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def spread(values):
    return min(values) / 1.15, max(values) * 1.15


def position(value, low, high):
    return math.log(value / low) / math.log(high / low)


def ticks(low, high):
    """Powers of two, thinned out to at most eight."""
    first, last = math.ceil(math.log2(low)), math.floor(math.log2(high))
    step = max(1, math.ceil((last - first + 1) / 8))
    return [2.0**power for power in range(first, last + 1, step)]


def plot_sweep(rows, dtype, causal):
    """GF/s against N, one curve per contender; None without rows."""
    chosen = [
        row
        for row in rows
        if row["workload"]["family"] == "sweep"
        and row["workload"]["dtype"] == dtype
        and row["workload"]["causal"] == causal
        and "seconds" in ours(row)
    ]
    if len(chosen) < 2:
        return None
    chosen.sort(key=lambda row: row["workload"]["N"])
    names = list(dict.fromkeys(c["name"] for row in chosen for c in row["contenders"] if "seconds" in c))
    speeds = [c["gflops"] for row in chosen for c in row["contenders"] if "seconds" in c]
    peak = max(row["peak"] for row in chosen) * 1e-9
    title = f"One head, D = 64, {dtype}{', causal' if causal else ''}, {chosen[0]['threads']} thread"
    sizes = [row["workload"]["N"] for row in chosen]
    chart = Chart(title, "N = M", "useful GF/s", sizes, [*speeds, peak])
    chart.curve([(sizes[0], peak), (sizes[-1], peak)], GREY, dashed=True)
    chart.legend("f32 peak", GREY)
    for name in names:
        colour = COLOURS.get(name, "black")
        points = [
            (row["workload"]["N"], c["gflops"]) for row in chosen if (c := get_contender(row, name)) and "seconds" in c
        ]
        chart.curve(points, colour)
        chart.dots([(x, y, f"{name}, N = {x}: {y:.1f} GF/s") for x, y in points], colour)
        chart.legend(name, colour)
    return chart.finish()


def plot_roofline(rows):
    """Speed of one thread against operations per byte of Q, K, V and out; None without rows."""
    chosen = [row for row in rows if row["threads"] == 1 and "seconds" in ours(row) and row.get("bandwidth")]
    if len(chosen) < 2:
        return None
    peak = max(row["peak"] for row in chosen) * 1e-9
    bandwidth = max(row["bandwidth"] for row in chosen) * 1e-9
    points = []
    for row in chosen:
        w = workloads.Workload(**row["workload"])
        intensity, speed = row["flops"] / row["bytes"], ours(row)["gflops"]
        points.append((intensity, speed, f"{w.name}, {w.dtype}: {intensity:.1f} operations a byte, {speed:.1f} GF/s"))
    xs = [x for x, _, _ in points] + [peak / bandwidth]
    chart = Chart(
        "Roofline, 1 thread",
        "useful operations per byte of Q, K, V and out",
        "useful GF/s",
        xs,
        [p[1] for p in points] + [peak],
    )
    knee = peak / bandwidth
    # The memory roof begins where the chart does, to the left or at the bottom.
    start = max(chart.x_range[0], chart.y_range[0] / bandwidth)
    chart.curve([(start, start * bandwidth), (knee, peak), (chart.x_range[1], peak)], GREY, dashed=True)
    chart.legend(f"{peak:.0f} GF/s (f32), {bandwidth:.0f} GB/s", GREY)
    for dtype, colour in (("f32", COLOURS[OURS]), ("bf16", COLOURS["onnxruntime"]), ("f16", COLOURS["openvino"])):
        mine = [p for row, p in zip(chosen, points, strict=True) if row["workload"]["dtype"] == dtype]
        if mine:
            chart.dots(mine, colour)
            chart.legend(dtype, colour)
    return chart.finish()


def make_plots(rows):
    """SVG text by file suffix."""
    made = {"roofline": plot_roofline(rows)}
    for dtype in ("f32", "bf16", "f16"):
        made[f"sweep-{dtype}"] = plot_sweep(rows, dtype, causal=False)
        made[f"sweep-causal-{dtype}"] = plot_sweep(rows, dtype, causal=True)
    return {name: svg for name, svg in made.items() if svg}
