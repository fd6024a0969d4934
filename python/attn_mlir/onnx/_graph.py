# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Questions about an ONNX graph."""

import numpy
import onnx


def get_attribute(node, name, default):
    return next((onnx.helper.get_attribute_value(entry) for entry in node.attribute if entry.name == name), default)


def tensors_read(node):
    """Names that a node reads, also from inside its subgraphs (If, Loop, Scan)."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        for graph in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            own = {name for inner in graph.node for name in inner.output}
            own |= {entry.name for entry in [*graph.input, *graph.initializer]}
            inside = [name for inner in graph.node for name in tensors_read(inner)]
            inside += [output.name for output in graph.output]
            names += [name for name in inside if name not in own]
    return names


class GraphIndex:
    """Who makes and who reads each tensor of a graph."""

    def __init__(self, graph):
        self.producers = {name: node for node in graph.node for name in node.output if name}
        self.consumers = {}
        for node in graph.node:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        self.outputs = {output.name for output in graph.output}
        self.initializers = {tensor.name: tensor for tensor in graph.initializer}

    def constant(self, name):
        """The value of a constant tensor, None for others."""
        if name in self.initializers:
            return onnx.numpy_helper.to_array(self.initializers[name])
        node = self.producers.get(name)
        if node is None or node.op_type != "Constant":
            return None
        value = onnx.helper.get_attribute_value(node.attribute[0])
        return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else numpy.asarray(value)
