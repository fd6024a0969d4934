# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What attn_mlir says of plans: the data agrees with what is known of the op, and bad questions are refused."""

import attn_mlir
import pytest

Q, K = "tensor<?x4x?x16xf32>", "tensor<?x4x?x16xf32>"
TEXT = f"""
func.func @causal(%q: {Q} {{attn.name = "q"}}, %k: {K} {{attn.name = "k"}}, %v: {K} {{attn.name = "v"}}) -> {Q} {{
  %o = attn.sdpa %q, %k, %v causal(top_left) : ({Q}, {K}, {K}) -> {Q}
  return %o : {Q}
}}
func.func @plain(%q: {Q} {{attn.name = "q"}}, %k: {K} {{attn.name = "k"}}, %v: {K} {{attn.name = "v"}}) -> {Q} {{
  %o = attn.sdpa %q, %k, %v : ({Q}, {K}, {K}) -> {Q}
  return %o : {Q}
}}
"""
SHAPES = {"q": (2, 4, 1000, 16), "k": [2, 4, 900, 16]}


def test_costs_follow_from_the_sizes():
    causal, plain = attn_mlir.explain_plan(TEXT, shapes=SHAPES, cpu="x86-64-v3")
    assert (causal["function"], plain["function"]) == ("causal", "plain")
    for plan in (causal, plain):
        rows, keys = plan["plan"]["rows"], plan["plan"]["keys"]
        row_tiles, key_tiles = -(-1000 // rows), -(-900 // keys)
        assert plan["tasks"] == 2 * 4 * row_tiles
        assert plan["key_tiles"]["all"] == plan["tasks"] * key_tiles
        assert plan["flops"]["dense"] == 2 * 4 * 1000 * 900 * (2 * 16 + 2 * 16)
        assert plan["sizes"]["tiled_rows"] == 1000 and plan["sizes"]["keys"] == 900
        assert {reason["name"] for reason in plan["reasons"]} >= {"rows", "keys", "register_tile"}
        assert "unknown" not in plan
    assert plain["key_tiles"]["visited"] == plain["key_tiles"]["all"] and plain["key_tiles"]["masked"] == 0
    # Tile t of rows sees keys up to its last row.
    rows, keys = causal["plan"]["rows"], causal["plan"]["keys"]
    needed = sum(-(-min(900, min(1000, first + rows)) // keys) for first in range(0, 1000, rows))
    assert causal["key_tiles"]["visited"] == 2 * 4 * needed
    assert 0 < causal["key_tiles"]["masked"] < needed * 8


def test_modules_on_the_way_are_explained_until_plan():
    module = attn_mlir.parse(TEXT)
    want = attn_mlir.explain_plan(module, shapes=SHAPES)
    for stage in ("normalize", "plan"):
        module = attn_mlir.run_pipeline(module, stage)
        assert attn_mlir.explain_plan(module, shapes=SHAPES) == want
    with pytest.raises(ValueError, match="stage: expects one from 'tile' on, where the module is, got 'plan'"):
        attn_mlir.explain_plan(attn_mlir.run_pipeline(module, "tile"))


def test_what_is_not_given_is_unknown():
    plans = attn_mlir.explain_plan(TEXT)
    assert all("depend on" in plan["unknown"] and "tasks" not in plan for plan in plans)
    assert all(plan["sizes"]["keys"] is None for plan in plans)


def test_nothing_is_printed(capfd):
    attn_mlir.explain_plan(TEXT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shapes": {"r": (1, 2)}}, attn_mlir.CompileError, "1x2 fits no argument called 'r'"),
        ({"shapes": {"q": (2, 5, 1000, 16)}}, attn_mlir.CompileError, "2x5x1000x16 fits no argument called 'q'"),
        ({"scalars": {"w": 3}}, attn_mlir.CompileError, "no argument called 'w' is an integer"),
        ({"scalars": {"w": 1.5}}, attn_mlir.CompileError, "expects name=integer, as in window=256, got 'w=1.5'"),
        ({"cpu": "avx3"}, ValueError, "cpu: unknown 'avx3'"),
    ],
)
def test_refuses(options, error, message):
    with pytest.raises(error, match=message):
        attn_mlir.explain_plan(TEXT, **options)
