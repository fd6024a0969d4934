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
    return _read(_core.explain_plan(module, *_write_arguments(shapes, scalars), cpu))


def explain_mask(
    module_or_text: Module | str | os.PathLike[str],
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    scalars: Mapping[str, int] | None = None,
    values: Mapping[str, int] | None = None,
    svg: str | os.PathLike[str] | None = None,
    cpu: str = "native",
) -> list[dict[str, Any]]:
    """What the compiler understood of each mask of a module, or of what parse() takes, and a picture of its tiles.

    shapes: sizes of tensor arguments, {"q": (1, 12, 77, 64)}; scalars: integer arguments, {"window": 256}; values: by
    the names that constraints use, {"N": 77, "lengths": 50}, for what neither shapes nor scalars say. They are for the
    picture; the rest holds for every size. svg: a file to draw the pictures of all masks to, beside the tiles that are
    needed.

    One dict for each op that has a mask, in order:

    function, location   where the op stands
    tile                 {rows, keys}: sizes of tiles, which the plan says
    loop                 {row, key}: numbers of the loops that are tiled
    kept, masked         conjunctions of constraints on `row` and `key`: a pair is kept (masked) if one of them holds
    visited              formulas of the keys j that row tile i visits
    with_masked          formulas of those in which a pair is masked; the others need no mask
    unit                 what j counts: 'key', or 'key tile'
    exact                whether all that is visited is needed
    reasons              what was not understood, where exact is False
    limited, limit       integers for which formulas hold from -limit to limit; beyond, every key is visited with mask
    loops                the loops over key tiles, in order
    picture              {rows, keys, states, visited, full, optimum, needed, extra, missed_pairs}: states has one
                         string for each row tile, with F (no mask runs), P (the mask runs) or . (not visited) for each
                         key tile; optimum has x where a search of all pairs found a kept one; needed counts them; extra
                         are visited in vain. Where that was not searched, `unknown` says why
    no_picture           instead of picture: what has no value

    Raises CompileError where a stage refuses, for a name that no argument has, and where svg cannot be written or a
    mask has no picture; ValueError for a module past stage plan and for an unknown processor.
    """
    module = module_or_text if isinstance(module_or_text, Module) else parse(module_or_text)
    given_values = ",".join(f"{name}={number}" for name, number in (values or {}).items())
    file = "" if svg is None else os.fspath(svg)
    return _read(_core.explain_mask(module, *_write_arguments(shapes, scalars), given_values, file, cpu))


def _write_arguments(
    shapes: Mapping[str, Sequence[int]] | None, scalars: Mapping[str, int] | None
) -> tuple[list[str], list[str]]:
    return (
        [f"{name}={'x'.join(map(str, sizes))}" for name, sizes in (shapes or {}).items()],
        [f"{name}={number}" for name, number in (scalars or {}).items()],
    )


def _read(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
