# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The nodes of one attention layer as a model of their own, to time onnxruntime on what the kernel does."""

import collections

import onnx
import onnxruntime
from attn_mlir.onnx import make_session
from errors import DemoError


def extract_layer(model, layer, values):
    """The nodes of `layer` between the tensors that enter it and its result; shapes are those of `values`."""
    inputs = layer.inputs()
    producers = {name: node for node in model.graph.node for name in node.output}
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    needed, constants, pending = set(), {}, [layer.out.tensor]
    while pending:
        name = pending.pop()
        if name in inputs or not name:
            continue
        if name in weights:
            constants[name] = weights[name]
        elif name in producers:
            if id(producers[name]) not in needed:
                needed.add(id(producers[name]))
                pending.extend(producers[name].input)
        else:
            raise DemoError(f"'{layer.name}' depends on '{name}', which no node makes")
    graph = onnx.helper.make_graph(
        [node for node in model.graph.node if id(node) in needed],
        "attention",
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, values[name].shape) for name in inputs],
        [onnx.helper.make_tensor_value_info(layer.out.tensor, onnx.TensorProto.FLOAT, values[layer.out.tensor].shape)],
        list(constants.values()),
    )
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


class Baseline:
    """onnxruntime on one layer, one thread, inputs and result bound beforehand."""

    def __init__(self, model, layer, values):
        extracted = extract_layer(model, layer, values)
        counts = collections.Counter(node.op_type for node in extracted.graph.node if node.op_type != "Constant")
        self.ops = ", ".join(f"{count} {op}" if count > 1 else op for op, count in counts.items())
        self._session = make_session(extracted)
        self._binding = self._session.io_binding()
        for name in layer.inputs():
            self._binding.bind_cpu_input(name, values[name])
        self._out = onnxruntime.OrtValue.ortvalue_from_numpy(0 * values[layer.out.tensor])
        self._binding.bind_ortvalue_output(layer.out.tensor, self._out)

    def run(self):
        self._session.run_with_iobinding(self._binding)

    def result(self):
        """A copy of what run() wrote."""
        return self._out.numpy().copy()
