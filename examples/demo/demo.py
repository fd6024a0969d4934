# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares compiled kernels with the attention of a real model, layer by layer.

Runs sentences through the model with onnxruntime, takes the tensors that enter each attention layer, compiles the
attention op for their shapes and calls the kernel through its C header. Shows for each layer the largest difference
from what the model computed, and the times of both.
"""

import argparse
import os
import pathlib
import sys
import textwrap

from compare import check_layer, describe_problem, make_operands
from errors import DemoError
from kernel import Kernel
from layers import MatchError, find_attention
from model import PACKAGE, Words, default_model_path, load_model, make_feeds, run_with_taps

SENTENCE = "The cat sat on the mat because it was tired."

HEAD = "layer|Q [B,H,N,D]|K [B,H,M,D]|mask|difference|budget|worst|kernel us|onnxruntime us".split("|")

NOTES = """\
difference  largest |kernel - model| over all elements of the layer's attention output; budget: at that element
worst       largest difference / budget of any element; above 100 % the demo fails
budget      both compute in f32 and err: twice the worst case that docs/Numerics.md derives from the layer's tensors
times       best of {rounds} calls from Python, one thread, everything that can be is prepared before
kernel      the call through the C header, on views of the model's tensors: nothing is copied
onnxruntime a session of the layer's nodes on the same tensors: {ops}"""


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit status: 0 when all layers agree with the model, 1 when one does not or something is missing, "
        "2 for wrong arguments.",
    )
    build = pathlib.Path(os.environ.get("ATTN_BUILD_DIR", "build"))
    add = parser.add_argument
    add("--sentence", action="append", metavar="TEXT", help=f'may be repeated, shorter ones are padded ("{SENTENCE}")')
    add("--model", type=pathlib.Path, metavar="FILE", help=f"another BERT (uncased) as ONNX (that of {PACKAGE})")
    add("--output", type=pathlib.Path, default=build / "demo", metavar="DIR", help="for the kernels (BUILD/demo)")
    add("--rounds", type=int, default=200, metavar="N", help="calls of which the fastest counts (200)")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds: expected at least 1, got {options.rounds}")
    options.sentence = options.sentence or [SENTENCE]
    return options


def short_names(names):
    """Node names without the path that all of them share, and without the softmax at their end."""
    parts = [name.strip("/").split("/")[:-1] or [name] for name in names]
    shared = len(os.path.commonprefix(parts)) if len(parts) > 1 else 0
    return ["/".join(part[shared:]) for part in parts]


def print_table(rows):
    lines = [[*HEAD, ""]]
    for name, row in zip(short_names([row.name for row in rows]), rows, strict=True):
        shapes = ["x".join(map(str, shape)) if shape else "none" for shape in (row.query, row.key, row.bias)]
        numbers = [f"{row.difference:.1e}", f"{row.budget:.1e}", f"{row.worst:.1%}"]
        times = [f"{row.kernel_us:.1f}", f"{row.onnxruntime_us:.1f}"]
        lines.append([name, *shapes, *numbers, *times, "" if row.agrees() else "DISAGREES"])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        text, numbers = line[:4], line[4:]
        cells = [cell.ljust(width) for cell, width in zip(text, widths[:4], strict=True)]
        cells += [cell.rjust(width) for cell, width in zip(numbers, widths[4:], strict=True)]
        print("  ".join(cells).rstrip())


def run(options):
    path = options.model or default_model_path()
    model = load_model(path)
    layers = find_attention(model)
    words = Words()
    feeds = make_feeds(model, words, options.sentence)
    print(f"model     {path.name}: {len(model.graph.node)} nodes, {len(layers)} attention layers")
    for ids, mask in zip(feeds["input_ids"], feeds["attention_mask"], strict=True):
        padding = f" and {sum(mask == 0)} of padding" if 0 in mask else ""
        print(f"sentence  {sum(mask)} tokens{padding}: {words.text(ids[mask == 1])}")

    tensors = dict.fromkeys(name for layer in layers for name in [*layer.inputs(), layer.out.tensor])
    values = run_with_taps(model, feeds, list(tensors))
    kernels, rows, ops = {}, [], {}
    for layer in layers:
        inputs, out = make_operands(layer, values)
        problem = describe_problem(layer, inputs)
        if problem not in kernels:
            kernels[problem] = Kernel(problem, f"attention_{len(kernels)}", options.output)
            kernels[problem].write_caller(inputs, out)
        row, nodes = check_layer(model, layer, values, kernels[problem], options.rounds)
        rows.append(row)
        ops[nodes] = None
    print()
    print_table(rows)
    print()
    print(NOTES.format(rounds=options.rounds, ops="; or ".join(ops)))
    print_artefacts(list(kernels.values()))
    failed = sum(not row.agrees() for row in rows)
    print(f"\n{len(rows) - failed} of {len(rows)} layers agree with the model")
    return 1 if failed else 0


def print_artefacts(kernels):
    for kernel in kernels:
        print(f"\nkernel {kernel.name} for {kernel.target()}:")
        for file in (kernel.source, kernel.library, kernel.header, kernel.caller):
            shown = os.path.relpath(file) if file.resolve().is_relative_to(pathlib.Path.cwd()) else file
            print(f"  {file.stat().st_size:>6} bytes  {shown}")
    # The others differ in name and numbers only.
    print(f"\nhow C calls it ({kernel.caller.name}):\n")
    print(textwrap.indent(kernel.caller.read_text(), "    "), end="")


def main(arguments=None):
    options = parse_arguments(arguments)
    try:
        return run(options)
    except (DemoError, MatchError) as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
