# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention of given shapes as the text that attn-compile takes."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class AttentionOp:
    """What a kernel is compiled for; layers that agree in it share one."""

    query: tuple[int, ...]  # [B, H, N, D]
    key: tuple[int, ...]  # [B, Hkv, M, D]
    value: tuple[int, ...]  # [B, Hkv, M, Dv]
    bias: tuple[int, ...] | None  # broadcasts to [B, H, N, M]
    scale: float
    weights: bool = False  # whether the kernel returns them beside its result

    def inputs(self):
        """(name, shape) of the kernel's inputs, in order."""
        named = [("q", self.query), ("k", self.key), ("v", self.value), ("bias", self.bias)]
        return [(name, shape) for name, shape in named if shape is not None]

    def results(self):
        """(name, shape) of what it computes, in order."""
        out = [("out", (*self.query[:3], self.value[3]))]
        return [*out, ("weights", (*self.query[:3], self.key[2]))] if self.weights else out

    def to_mlir(self, name):
        """A module with one function `name`."""
        types = {argument: _write_type(shape) for argument, shape in self.inputs()}
        parameters = ", ".join(f'%{argument}: {type} {{attn.name = "{argument}"}}' for argument, type in types.items())
        results = {result: _write_type(shape) for result, shape in self.results()}
        named = ", ".join(f'{type} {{attn.name = "{result}"}}' for result, type in results.items())
        values, result_types = ", ".join(f"%{result}" for result in results), ", ".join(results.values())
        clauses = f" bias(%bias : {types['bias']})" if self.bias is not None else ""
        clauses += f" scale({self.scale:.17e})" + (" returns(out, weights)" if self.weights else "")
        return (
            f"func.func @{name}({parameters}) -> ({named}) {{\n"
            f"  {values} = attn.sdpa %q, %k, %v{clauses}\n"
            f"      : ({types['q']}, {types['k']}, {types['v']}) -> {result_types}\n"
            f"  return {values} : {result_types}\n}}\n"
        )


def describe_op(layer, views, weights=False):
    """The op of a layer for inputs of these shapes, which are what layer.views() returns."""
    bias = views[3].shape if layer.bias is not None else None
    return AttentionOp(*(array.shape for array in views[:3]), bias, layer.scale, weights)


def _write_type(shape):
    return f"tensor<{''.join(f'{size}x' for size in shape)}f32>"
