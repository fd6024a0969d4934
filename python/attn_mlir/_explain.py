# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the compiler decided and why, as data."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from attn_mlir import _core
from attn_mlir._core import Module
from attn_mlir._library import parse


def explain_plan(
    module_or_text: Module | str | os.PathLike[str],
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    scalars: Mapping[str, int] | None = None,
    cpu: str = "native",
) -> list[dict[str, Any]]:
    """The plan of each attention op of a module, or of what parse() takes, with its reasons and costs.

    shapes: sizes of tensor arguments, {"q": (1, 12, 77, 64)}; scalars: integer arguments, {"window": 256}. What costs
    depend on and no type fixes has to be given.

    One dict for each op, in order:

    function, location   where the op stands
    plan                 {algorithm, orientation, rows, keys, lanes, register_tile, precision}
    reasons              [{name, value, chosen, reason}]: a number of the plan, what would be chosen, and the inequality
                         that sets it
    sizes                {batches, rows, tiled_rows, keys, d, dv}: None where unknown
    live_bytes           what the loop over keys keeps in use
    tasks                how many may run at once
    key_tiles            {visited, masked, all, at_most}: at_most is True where operands of the mask decide
    flops                {visited, dense}: of the products on visited tiles, and for all rows and keys
    exponentials         on visited tiles
    bytes                {streamed, tensors}: read and written by tasks, and in all tensors once
    unknown              instead of tasks and what follows: why there are no costs

    Raises CompileError where a stage refuses and for a name that no argument has, ValueError for a module past stage
    plan and for an unknown processor.
    """
    module = module_or_text if isinstance(module_or_text, Module) else parse(module_or_text)
    given_shapes = [f"{name}={'x'.join(map(str, sizes))}" for name, sizes in (shapes or {}).items()]
    given_scalars = [f"{name}={number}" for name, number in (scalars or {}).items()]
    lines = _core.explain_plan(module, given_shapes, given_scalars, cpu).splitlines()
    return [json.loads(line) for line in lines]
