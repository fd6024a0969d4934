# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model without its attention: segments for onnxruntime, and between them the places where kernels are called.

A node belongs to the first segment that has all it reads: 0 where no attention is before it, else one more than the
attention nearest before it. Constants are in every segment that reads them, so that onnxruntime can fold them there.
"""

import dataclasses

import numpy
import onnx
import onnxruntime

from attn_mlir.onnx._graph import GraphIndex, tensors_read


class SplitError(Exception):
    """The model cannot be split or run: says why."""


@dataclasses.dataclass
class Segment:
    session: onnxruntime.InferenceSession
    inputs: list[str]
    outputs: list[str]
    layers: list  # whose attention follows it


class SplitModel:
    """An onnx.ModelProto whose attention somebody else computes."""

    def __init__(self, model, layers):
        self.layers = layers
        self._outputs = [output.name for output in model.graph.output]
        placed = _Placement(model.graph, layers)
        types = _infer_types(model)
        names = [*self._outputs, *(name for layer in layers for name in layer.inputs())]
        found = {name: placed.index.constant(name) for name in names}
        self._constants = {name: value for name, value in found.items() if value is not None}
        self.segments = [_make_segment(model, placed, types, number, self._outputs) for number in range(placed.count)]

    def run(self, feeds, attend):
        """The model's outputs by name. attend(layer, views, out) gets [B, H, rows, columns] views and fills out."""
        values = {**self._constants, **feeds}
        for segment in self.segments:
            if segment.outputs:
                inputs = {name: values[name] for name in segment.inputs}
                try:
                    made = segment.session.run(segment.outputs, inputs)
                except Exception as error:  # its exceptions share no base class
                    raise SplitError(f"onnxruntime cannot run the model: {error}") from None
                values.update(zip(segment.outputs, made, strict=True))
            for layer in segment.layers:
                values[layer.out.tensor] = _run_attention(layer, values, attend)
        return {name: values[name] for name in self._outputs}


def _run_attention(layer, values, attend):
    for name in layer.inputs():
        array = values[name]
        if array.dtype != numpy.float32:
            raise SplitError(f"'{name}' of '{layer.name}' holds {array.dtype} (expected float32)")
        if name != layer.bias and array.ndim != 4:
            raise SplitError(f"'{name}' of '{layer.name}' has rank {array.ndim} (expected 4: B, heads, rows, columns)")
    views = layer.views(values)
    shape = (*views[0].shape[:3], views[2].shape[3])
    out = numpy.empty(layer.out.shape_of_tensor(shape), numpy.float32)
    attend(layer, views, layer.out.view(out))
    return out


def make_session(model):
    """A session of onnxruntime on one thread, with its default optimisations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise SplitError(f"onnxruntime does not accept the model: {error}") from None


class _Placement:
    """The segment of every node that is still needed when attention is taken out."""

    def __init__(self, graph, layers):
        self.index = GraphIndex(graph)
        self.nodes = {}  # number of a segment: its nodes, in the graph's order
        self.made_in = {}  # tensor: number of the segment that makes it
        after = {layer.out.tensor: layer for layer in layers}
        needed = self._find_needed(graph, layers, after)
        self.layers = {}
        for node in graph.node:
            # A layer's result is there as soon as one of its own nodes would have made it.
            for name in node.output:
                if name in after:
                    number = max((self.made_in.get(entry, 0) for entry in after[name].inputs()), default=0)
                    self.layers.setdefault(number, []).append(after[name])
                    self.made_in[name] = number + 1
            if id(node) in needed:
                number = max((self.made_in.get(name, 0) for name in tensors_read(node)), default=0)
                self.nodes.setdefault(number, []).append(node)
                self.made_in.update((name, number) for name in node.output if name not in after)
        self.count = max([0, *self.nodes, *self.layers]) + 1

    def _find_needed(self, graph, layers, after):
        pending = [output.name for output in graph.output] + [name for layer in layers for name in layer.inputs()]
        needed = set()
        while pending:
            node = self.index.producers.get(name := pending.pop())
            if name not in after and node is not None and node.op_type != "Constant" and id(node) not in needed:
                needed.add(id(node))
                pending.extend(tensors_read(node))
        return needed

    def outputs_of(self, number, graph_outputs):
        """Tensors of this segment that a later one, a layer or the caller reads."""
        own = {name for node in self.nodes.get(number, []) for name in node.output}
        wanted = [name for layers in self.layers.values() for layer in layers for name in layer.inputs()]
        wanted += graph_outputs
        for later, nodes in self.nodes.items():
            if later != number:
                wanted += [name for node in nodes for name in tensors_read(node)]
        return [name for name in dict.fromkeys(wanted) if name in own]


def _infer_types(model):
    inferred = onnx.shape_inference.infer_shapes(model).graph
    entries = [*inferred.value_info, *inferred.input, *inferred.output]
    return {entry.name: entry.type.tensor_type.elem_type for entry in entries}


def _make_segment(model, placed, types, number, graph_outputs):
    nodes, index = placed.nodes.get(number, []), placed.index
    layers = placed.layers.get(number, [])
    outputs = placed.outputs_of(number, graph_outputs)
    if not outputs:
        return Segment(None, [], [], layers)
    own = {name for node in nodes for name in node.output}
    read = dict.fromkeys(name for node in nodes for name in tensors_read(node) if name not in own)
    weights = [index.initializers[name] for name in read if name in index.initializers]
    producers = [index.producers[name] for name in read if name in index.producers]
    constants = [node for node in producers if node.op_type == "Constant"]
    given = {tensor.name for tensor in weights} | {name for node in constants for name in node.output}
    inputs = [name for name in read if name not in given]
    for name in inputs:
        if not types.get(name):
            raise SplitError(f"the element type of '{name}' cannot be inferred, at which the model has to be split")
    graph = onnx.helper.make_graph(
        [*constants, *nodes],
        f"segment_{number}",
        [onnx.helper.make_tensor_value_info(name, types[name], None) for name in inputs],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        weights,
    )
    segment = onnx.helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version, functions=model.functions
    )
    return Segment(make_session(segment), inputs, outputs, layers)
