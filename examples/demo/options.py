# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command line of ./dev demo."""

import argparse
import os
import pathlib

from model import PACKAGE

DESCRIPTION = """Runs sentences through a real model with compiled kernels in the place of its attention.

Finds the attention in the model's ONNX graph, compiles it for the shapes at hand and runs the model: attention by the
kernels, everything else by onnxruntime. Compares results and times with onnxruntime's own, layer by layer and whole."""

SENTENCE = "The cat sat on the mat because it was tired."
SHORT_SENTENCE = "Rain fell all day."


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev demo",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit status: 0 when everything agrees with the model, 1 when something does not or is missing, "
        "2 for wrong arguments.",
    )
    build = pathlib.Path(os.environ.get("ATTN_BUILD_DIR", "build"))
    runs = f'"{SENTENCE}" alone, then with "{SHORT_SENTENCE}"'
    add = parser.add_argument
    add("--sentence", action="append", metavar="TEXT", help=f"may be repeated, shorter ones are padded ({runs})")
    add("--model", type=pathlib.Path, metavar="FILE", help=f"another BERT (uncased) as ONNX (that of {PACKAGE})")
    add("--output", type=pathlib.Path, default=build / "demo", metavar="DIR", help="for what it makes (BUILD/demo)")
    add("--rounds", type=int, default=200, metavar="N", help="calls of which the fastest counts (200)")
    add("--word", metavar="WORD", help="whose attention is drawn, of the first sentence (it)")
    add("--long", type=int, default=2048, metavar="N", help="rows of the long attention, 0 leaves it out (2048)")
    add("--explain", choices=["match"], help="only say which nodes are matched as attention, or why they are not")
    options = parser.parse_args(arguments)
    if options.long < 0:
        parser.error(f"--long: expected 0 or more, got {options.long}")
    if options.rounds < 1:
        parser.error(f"--rounds: expected at least 1, got {options.rounds}")
    options.runs = [options.sentence] if options.sentence else [[SENTENCE], [SENTENCE, SHORT_SENTENCE]]
    return options
