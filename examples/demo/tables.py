# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the demo prints about layers, the whole model and the files it made."""

import os
import pathlib
import textwrap

HEAD = "layer|Q [B,H,N,D]|K [B,H,M,D]|mask|difference|budget|worst|kernel us|onnxruntime us".split("|")

NOTES = """difference  largest |ours - model's| over all elements of a layer's attention output; budget: at that element
worst       largest difference / budget of any element; above 100 % the demo fails
budget      both compute in f32 and err: twice the worst case that docs/Numerics.md derives from the layer's tensors;
            for the whole model 256 roundings of f32 (1.5e-5) of the output's largest value
times       best of {rounds} calls from Python, one thread, everything that can be is prepared before
kernel      the call through the C header, on views of the model's tensors: nothing is copied
onnxruntime a session of the layer's nodes on the same tensors: {ops}"""


UNDETERMINED = """undetermined: {count} rows, all of whose keys are masked, by a number so large that f32 forgets the
scores. There onnxruntime gives the mean of V, a kernel may give 0; they are only checked to be of the size of V."""


def short_names(names):
    """Node names without the path that all of them share, and without the softmax at their end."""
    parts = [name.strip("/").split("/")[:-1] or [name] for name in names]
    shared = len(os.path.commonprefix(parts)) if len(parts) > 1 else 0
    return ["/".join(part[shared:]) for part in parts]


def print_columns(lines, left):
    """Lines of cells, the first `left` of them to the left."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        sides = [str.ljust] * left + [str.rjust] * (len(line) - left)
        print("  ".join(side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)).rstrip())


def print_layers(rows):
    lines = [[*HEAD, ""]]
    for name, row in zip(short_names([row.name for row in rows]), rows, strict=True):
        shapes = ["x".join(map(str, shape)) if shape else "none" for shape in (row.query, row.key, row.bias)]
        numbers = [f"{row.difference:.1e}", f"{row.budget:.1e}", f"{row.worst:.1%}"]
        times = [f"{row.kernel_us:.1f}", f"{row.onnxruntime_us:.1f}"]
        lines.append([name, *shapes, *numbers, *times, "" if row.agrees() else "DISAGREES"])
    print_columns(lines, 4)
    if undetermined := sum(row.undetermined for row in rows):
        print(UNDETERMINED.format(count=undetermined))


def print_outputs(rows):
    """Rows of (what, difference, budget). Returns how many are beyond it."""
    lines = [["our attention, to the model's", "difference", "budget", ""]]
    wrong = [not difference <= budget for _, difference, budget in rows]  # also NaN
    for (what, difference, budget), bad in zip(rows, wrong, strict=True):
        lines.append([what, f"{difference:.1e}", f"{budget:.1e}", "DISAGREES" if bad else ""])
    print_columns(lines, 1)
    return sum(wrong)


def print_findings(findings):
    """What was matched as attention in a graph, node by node, and why other nodes were not."""
    for finding in findings:
        if finding.layer:
            print(f"{finding.node} is attention:")
        else:
            print(f"{finding.node} {finding.remark or f'is not recognised as attention: {finding.why_not}'}")
        width = max((len(role) for role, _ in finding.matched), default=0)
        for role, what in finding.matched:
            print(f"    {role:<{width}}  {what}")


def print_weights(look):
    """Returns 1 if they disagree with the model."""
    lines = [["weights of all rows and heads", "difference", "budget", "worst", ""]]
    lines.append(["to the model's Softmax", *_judged(look)])
    print_columns(lines, 1)
    return int(not look.worst <= 1)


def _judged(compared):
    """Cells of what compare() says."""
    numbers = [f"{compared.difference:.1e}", f"{compared.budget:.1e}", f"{compared.worst:.1%}"]
    return [*numbers, "" if compared.worst <= 1 else "DISAGREES"]


LONG_NOTES = """memory  by how much the first call raises the peak of a process that already holds the layer's tensors.
        The kernel asks for {workspace:.1f} KiB of workspace; scores, which it never stores, are {scores:.1f} MiB
time    best of a few calls in turns, one thread"""
LONG_NAMES = {"kernel": "fused kernel", "onnxruntime": "onnxruntime, the layer's nodes"}


def print_long(long):
    """A long attention on both sides. Returns 1 if they disagree."""
    heads, depth, _ = long.sizes
    print(f"one layer at N = M = {long.rows}, H = {heads}, D = {depth} (random numbers, an eighth of the keys masked):")
    print()
    lines = [["", "memory", "time"]]
    for side, growth in long.growth.items():
        bound = "at most " if growth["bound"] else ""
        memory = f"{bound}{growth['bytes'] / 2**20:.1f} MiB"
        lines.append([LONG_NAMES[side], memory, f"{long.us[side] / 1000:.1f} ms"])
    print_columns(lines, 1)
    print(LONG_NOTES.format(scores=heads * long.rows**2 / 2**18, workspace=long.kernel.workspace_bytes() / 2**10))
    print()
    print_columns([["kernel", "difference", "budget", "worst", ""], ["to onnxruntime", *_judged(long)]], 1)
    return int(not long.worst <= 1)


def show_path(file):
    return os.path.relpath(file) if file.resolve().is_relative_to(pathlib.Path.cwd()) else str(file)


def print_files(files):
    for file in files:
        print(f"  {file.stat().st_size:>6} bytes  {show_path(file)}")


def print_artefacts(kernels):
    for kernel in kernels:
        print(f"\nkernel {kernel.name} for {kernel.target()}:")
        print_files(kernel.files())
    # The others differ in name and numbers only.
    print(f"\nhow C calls it (the other arrays are viewed as q is; all of it is in {kernels[0].caller.name}):\n")
    print(textwrap.indent(textwrap.dedent("\n".join(kernels[0].call_lines())), "    "))
