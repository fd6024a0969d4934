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


def print_outputs(rows):
    """Rows of (what, difference, budget). Returns how many are beyond it."""
    lines = [["whole model, our attention", "difference", "budget", ""]]
    wrong = [not difference <= budget for _, difference, budget in rows]  # also NaN
    for (what, difference, budget), bad in zip(rows, wrong, strict=True):
        lines.append([what, f"{difference:.1e}", f"{budget:.1e}", "DISAGREES" if bad else ""])
    print_columns(lines, 1)
    return sum(wrong)


def show_path(file):
    return os.path.relpath(file) if file.resolve().is_relative_to(pathlib.Path.cwd()) else str(file)


def print_files(files):
    for file in files:
        print(f"  {file.stat().st_size:>6} bytes  {show_path(file)}")


def print_artefacts(kernels):
    for kernel in kernels:
        print(f"\nkernel {kernel.name} for {kernel.target()}:")
        print_files([kernel.source, kernel.library, kernel.header, kernel.caller])
    # The others differ in name and numbers only.
    print(f"\nhow C calls it (k, v, mask and out are viewed as q is; all of it is in {kernels[0].caller.name}):\n")
    print(textwrap.indent(textwrap.dedent("\n".join(kernels[0].call_lines())), "    "))
