# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What attn_mlir says of plans and masks: the data agrees with what is known of the op, bad questions are refused."""

import xml.etree.ElementTree

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


WINDOW = """
func.func @window(%q: tensor<?x16xf32> {attn.name = "q"}, %k: tensor<?x16xf32> {attn.name = "k"},
                  %v: tensor<?x16xf32> {attn.name = "v"}, %w: index {attn.name = "w"}) -> tensor<?x16xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %q, %c0 : tensor<?x16xf32>
  %init = tensor.empty(%n) : tensor<?x16xf32>
  %o = attn.generic ins(%q, %k, %v : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>)
    captures(%w : index) outs(out %init : tensor<?x16xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>,
          affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>]
    normalizer(#attn.softmax)
    mask {
    ^bb0(%width: index):
      %i = attn.index 0
      %j = attn.index 1
      %d = arith.subi %i, %j : index
      %past = arith.cmpi sge, %i, %j : index
      %near = arith.cmpi slt, %d, %width : index
      %keep = arith.andi %past, %near : i1
      attn.yield %keep : i1
    }
  return %o : tensor<?x16xf32>
}
"""
WINDOW_SIZES = {"shapes": {"q": (700, 16), "k": (900, 16)}, "scalars": {"w": 300}}


def brute_force(rows, keys, tile, keeps):
    """One string for each row tile: x where a pair of the tile is kept."""

    def needs(first_row, first_key):
        return any(
            keeps(row, key)
            for row in range(first_row, min(rows, first_row + tile["rows"]))
            for key in range(first_key, min(keys, first_key + tile["keys"]))
        )

    return [
        "".join("x" if needs(row, key) else "." for key in range(0, keys, tile["keys"]))
        for row in range(0, rows, tile["rows"])
    ]


def test_a_mask_is_explained_by_formulas_and_a_picture():
    (mask,) = attn_mlir.explain_mask(WINDOW, **WINDOW_SIZES, cpu="x86-64-v4")
    assert mask["function"] == "window" and mask["exact"] and mask["reasons"] == []
    assert mask["kept"] == ["row - key >= 0 and -row + key + w - 1 >= 0 and M - key - 1 >= 0"]
    assert mask["loops"] == ["partial: with mask", "full: whole tiles without mask", "partial: with mask"]
    picture = mask["picture"]
    assert (picture["rows"], picture["keys"]) == (700, 900)
    want = brute_force(700, 900, mask["tile"], lambda row, key: 0 <= row - key < 300)
    assert picture["optimum"] == want
    assert [line.translate(str.maketrans("FP", "xx")) for line in picture["states"]] == want
    assert picture["needed"] == picture["visited"] == sum(line.count("x") for line in want)
    assert picture["extra"] == picture["missed_pairs"] == 0
    assert picture["full"] == sum(line.count("F") for line in picture["states"])


def test_masks_of_named_ops_and_given_values():
    (mask,) = attn_mlir.explain_mask(TEXT, shapes=SHAPES)  # @plain has none
    assert mask["function"] == "causal" and mask["picture"]["rows"] == 1000
    (given,) = attn_mlir.explain_mask(TEXT, values={"N": 100, "M": 50})
    assert (given["picture"]["rows"], given["picture"]["keys"]) == (100, 50)
    (neither,) = attn_mlir.explain_mask(TEXT)
    assert "picture" not in neither and "without a value for M, N: give" in neither["no_picture"]


def test_pictures_are_drawn(tmp_path):
    (mask,) = attn_mlir.explain_mask(WINDOW, **WINDOW_SIZES, svg=tmp_path / "window.svg")
    root = xml.etree.ElementTree.parse(tmp_path / "window.svg").getroot()
    rectangles = [child.attrib for child in root if "class" in child.attrib and child.tag.endswith("rect")]
    runs = {name: [r for r in rectangles if r["class"] == name] for name in ("full", "partial", "needed")}
    side = float(runs["full"][0]["height"])
    picture = mask["picture"]
    areas = {name: round(sum(float(r["width"]) for r in of) / side) for name, of in runs.items()}
    assert areas == {
        "full": picture["full"],
        "partial": picture["visited"] - picture["full"],
        "needed": picture["needed"],
    }


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shapes": {"r": (1, 2)}}, attn_mlir.CompileError, "1x2 fits no argument called 'r'"),
        ({"scalars": {"v": 3}}, attn_mlir.CompileError, "no argument called 'v' is an integer"),
        ({"values": {"w": 1.5}}, attn_mlir.CompileError, "expects name=number, got 'w=1.5'"),
        ({"svg": "mask.svg"}, attn_mlir.CompileError, "no picture without a value for M, N, w: give sizes"),
        ({**WINDOW_SIZES, "svg": "no/such/folder.svg"}, attn_mlir.CompileError, "cannot open output file"),
        ({"cpu": "avx3"}, ValueError, "cpu: unknown 'avx3'"),
    ],
)
def test_refuses_to_explain_masks(options, error, message):
    with pytest.raises(error, match=message):
        attn_mlir.explain_mask(WINDOW, **options)
