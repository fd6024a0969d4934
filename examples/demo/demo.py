# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs sentences through a real model with compiled kernels in the place of its attention: ./dev demo --help."""

import io
import sys

import package  # noqa: F401  isort: skip  first, for attn_mlir is imported from where it says

from attn_mlir.onnx import (
    MatchError,
    SplitError,
    SplitModel,
    describe_op,
    examine_attention,
    find_attention,
    make_session,
)
from compare import check_layer
from draw import print_look, write_pictures
from errors import DemoError
from long import measure_long
from look import look
from model import Words, default_model_path, load_model, make_feeds, run_with_taps
from options import parse_arguments
from tables import (
    NOTES,
    print_artefacts,
    print_files,
    print_findings,
    print_layers,
    print_long,
    print_outputs,
    print_weights,
)
from whole import Kernels, compare_outputs, padding_difference, run_both


class Demo:
    """One model, its sentences and the kernels compiled for them; counts what was compared and what disagrees."""

    def __init__(self, options):
        path = options.model or default_model_path()
        self.options, self.model = options, load_model(path)
        self.layers = find_attention(self.model)
        self.words, self.kernels = Words(), Kernels(options.output)
        self.feeds = [make_feeds(self.model, self.words, sentences) for sentences in options.runs]
        self.session, self.split = make_session(self.model), SplitModel(self.model, self.layers)
        self.long_kernels, self.ops = [], {}
        self.good_layers, self.all_layers, self.failures = 0, 0, 0
        print(f"model     {path.name}: {len(self.model.graph.node)} nodes, {len(self.layers)} attention layers")
        pieces = sum(segment.session is not None for segment in self.split.segments)
        print(f"split     into {pieces} parts that onnxruntime runs, our kernels between them")

    def run_sentences(self, feeds):
        print()
        for ids, mask in zip(feeds["input_ids"], feeds["attention_mask"], strict=True):
            padding = f" and {sum(mask == 0)} of padding" if 0 in mask else ""
            print(f"sentence  {sum(mask)} tokens{padding}: {self.words.text(ids[mask == 1])}")
        print()
        self._check_layers(feeds)
        print()
        self._check_whole(feeds)

    def _check_layers(self, feeds):
        tensors = dict.fromkeys(name for layer in self.layers for name in [*layer.inputs(), layer.out.tensor])
        values, rows = run_with_taps(self.model, feeds, list(tensors)), []
        for layer in self.layers:
            views = layer.views(values)
            kernel = self.kernels.get(describe_op(layer, views))
            kernel.write_caller(views, layer.out.view(values[layer.out.tensor]))
            row, nodes = check_layer(self.model, layer, values, kernel, self.options.rounds)
            rows.append(row)
            self.ops[nodes] = None
        print_layers(rows)
        ours, theirs = (sum(getattr(row, f"{name}_us") for row in rows) for name in ("kernel", "onnxruntime"))
        print(f"attention of all layers: kernels {ours:.1f} us, onnxruntime {theirs:.1f} us")
        agree = sum(row.agrees() for row in rows)
        self.good_layers, self.all_layers = self.good_layers + agree, self.all_layers + len(rows)
        self.failures += len(rows) - agree

    def _check_whole(self, feeds):
        ours, theirs = run_both(self.model, self.split, feeds, self.kernels, self.session)
        rows = compare_outputs(ours, theirs, feeds["attention_mask"])
        if (padded := padding_difference(self.session, ours, feeds)) is not None:
            rows.append(("padded sentence, to onnxruntime's without padding", *padded))
        self.failures += print_outputs(rows)

    def show_look(self):
        word = self.options.word or "it"
        found = look(self.model, self.layers, self.feeds[0], self.words, word, self.kernels)
        if found is None:
            if self.options.word:
                raise DemoError(f"--word: '{word}' is not a word piece of the first sentence")
            print(f"\nno '{word}' in the first sentence: --word names another whose attention is drawn")
            return
        print(f"\nwhat '{word}' looks at, by the weights that the kernels return:\n")
        print_look(found, sys.stdout)
        for layer, head, token, weight in found.strongest(3):
            print(f"layer {layer}, head {head}: {weight:.0%} on '{token}'")
        print()
        self.failures += print_weights(found)
        print_files(write_pictures(found, self.options.output))

    def measure_long(self):
        feeds, layer, rows = self.feeds[0], self.layers[0], self.options.long
        values = run_with_taps(self.model, feeds, layer.inputs())
        query, _, value = layer.views(values)[:3]
        sizes = (query.shape[1], query.shape[3], value.shape[3])
        long = measure_long(self.model, layer, sizes, rows, self.options.rounds, self.options.output / "long")
        self.long_kernels = [long.kernel]
        print()
        self.failures += print_long(long)

    def finish(self):
        print()
        print(NOTES.format(rounds=self.options.rounds, ops="; or ".join(self.ops)))
        print_artefacts([*self.kernels.all(), *self.long_kernels])
        print(f"\n{self.good_layers} of {self.all_layers} layers agree with the model", end="; ")
        print(f"{self.failures} comparisons failed" if self.failures else "all comparisons are within their budgets")
        return 1 if self.failures else 0


def run(options):
    if options.explain:
        model = load_model(options.model or default_model_path())
        print_findings(examine_attention(model))
        find_attention(model)  # raises what a run would
        return 0
    demo = Demo(options)
    for feeds in demo.feeds:
        demo.run_sentences(feeds)
    demo.show_look()
    if options.long:
        demo.measure_long()
    return demo.finish()


def main(arguments=None):
    options = parse_arguments(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # words that its encoding lacks are no reason to fail
        sys.stdout.reconfigure(errors="replace")
    try:
        return run(options)
    except (DemoError, MatchError, SplitError) as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
