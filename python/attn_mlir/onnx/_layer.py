# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What an attention of a graph is: which tensors enter and leave it, and what is computed between them."""

import dataclasses


class MatchError(Exception):
    """The graph has no attention, or one that is not recognised: names the node and why."""


@dataclasses.dataclass(frozen=True)
class Operand:
    """A tensor of the graph, and the transposition that makes [batch, heads, rows, columns] of it."""

    tensor: str
    perm: tuple[int, ...]

    def view(self, array):
        """`array`, a value of the tensor, as [batch, heads, rows, columns]: no copy."""
        return array.transpose(self.perm)

    def shape_of_tensor(self, shape):
        """The shape of the tensor whose view has this one."""
        return tuple(shape[self.perm.index(axis)] for axis in range(4))


@dataclasses.dataclass(frozen=True)
class AttentionLayer:
    name: str  # of the Softmax node, or of its result
    query: Operand  # [B, H, N, D]
    key: Operand  # [B, H, M, D], not K^T
    value: Operand  # [B, H, M, Dv]
    bias: str | None  # added to the scaled scores; broadcasts to [B, H, N, M]
    scale: float
    weights: str  # [B, H, N, M], the tensor of the graph that the kernel need not make
    out: Operand  # [B, H, N, Dv]

    def inputs(self):
        """Tensors that enter, each once: packed or shared projections may name one several times."""
        names = [self.query.tensor, self.key.tensor, self.value.tensor, self.bias]
        return list(dict.fromkeys(name for name in names if name))

    def views(self, values):
        """[q, k, v, bias if there is one] of these tensors' values: no copies."""
        views = [operand.view(values[operand.tensor]) for operand in (self.query, self.key, self.value)]
        return views if self.bias is None else [*views, values[self.bias]]
