# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""./dev demo does what it says on the real model, finds faults that are put in, and refuses what it cannot do."""

import ctypes
import pathlib
import re
import shutil
import subprocess

import demo_graphs
import numpy
import pytest
from demo_runs import ROOT, SENTENCE, default_run, run_demo

ROW = re.compile(r"^layer\.(\d)/attention/self +(\S+) +(\S+) +(\S+) +(\S+) +(\S+) +(\S+)% +(\S+) +(\S+)(.*)$", re.M)


def rows_of(done):
    assert done.stderr == ""
    return ROW.findall(done.stdout)


def test_real_model():
    done, folder = default_run()
    rows = rows_of(done)
    assert done.returncode == 0
    assert "paraphrase-MiniLM-L3-v2.onnx: 354 nodes, 3 attention layers" in done.stdout
    assert "13 tokens: [cls] the cat sat on the mat because it was tired . [sep]" in done.stdout
    assert "7 tokens and 6 of padding: [cls] rain fell all day . [sep]" in done.stdout
    assert [row[0] for row in rows] == ["0", "1", "2"] * 2
    for i, (_, query, key, mask, difference, budget, worst, kernel, onnxruntime, note) in enumerate(rows):
        batch = 1 + i // 3
        assert (query, key, mask) == (f"{batch}x12x13x32", f"{batch}x12x13x32", f"{batch}x1x1x13")
        # Another order of the same sums: neither equal to the last bit nor near the budget.
        assert 0 < float(difference) < float(budget) < 1e-3
        assert float(worst) < 100
        assert float(kernel) > 0 and float(onnxruntime) > 0
        assert note == ""
    assert "4 Transpose, 2 MatMul, Div, Add, Softmax" in done.stdout
    assert done.stdout.endswith("6 of 6 layers agree with the model; all comparisons are within their budgets\n")


def test_whole_model_agrees():
    what = r"^(hidden states|sentence embedding|output|padded sentence).*? (\S+e-\d+) +(\S+)$"
    whole = re.findall(what, default_run()[0].stdout, re.M)
    expected = ["hidden states", "sentence embedding", "output"]
    assert [row[0] for row in whole] == [*expected, *expected, "padded sentence"]
    for _, difference, budget in whole:
        assert 0 < float(difference) < float(budget) < 1e-4


def test_files_are_listed_and_the_c_is_shown():
    done, folder = default_run()
    # One kernel serves the three layers of a run.
    kernels = ["attention_0", "attention_1", "attention_2_weights", "long/attention_long"]
    names = [f"{kernel}{end}" for kernel in kernels for end in (".h", ".mlir", ".so", "_call.c")]
    listed = re.findall(r"^ +(\d+) bytes  (\S+)$", done.stdout, re.M)
    assert sorted(path for _, path in listed) == sorted(
        str(folder / name) for name in [*names, "weights.png", "weights.svg"]
    )
    for size, path in listed:
        assert pathlib.Path(path).stat().st_size == int(size)
    made = {str(path) for path in folder.rglob("*") if path.is_file()}
    assert made - {path for _, path in listed} == {str(folder / "long/attention_long.onnx")}


def test_the_c_that_is_shown_is_in_a_file_that_links(tmp_path):
    done, folder = default_run()
    caller = (folder / "attention_0_call.c").read_text().splitlines()
    shown = done.stdout.partition("how C calls it")[2].splitlines()[2:5]
    assert [line.split()[0] for line in shown] == ["attn_view4_f32", "attn_call", "int32_t"]
    assert all(line.removeprefix("  ") in caller for line in shown)
    for caller in [*folder.glob("*_call.c"), *folder.glob("long/*_call.c")]:
        library = caller.with_name(caller.name.replace("_call.c", ".so"))
        flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC", "-Wl,--no-undefined"]
        subprocess.run(["clang-22", *flags, caller, library, "-o", tmp_path / "caller.so"], check=True)


def test_explain_names_the_nodes_that_were_matched(tmp_path):
    done = run_demo(tmp_path / "nothing", "--explain=match")
    assert (done.returncode, done.stderr) == (0, "")
    layer = "/model/model.0/auto_model/encoder/layer.2/attention/self/"
    for line in [
        f"Softmax '{layer}Softmax' is attention:",
        f"    mask               Add '{layer}Add' of '/model/model.0/auto_model/Mul_1_output_0'",
        f"    scale              Div '{layer}Div': times 0.176777",
        f"    scores             MatMul '{layer}MatMul'",
        f"    out                MatMul '{layer}MatMul_1'",
        f"    Q [B,H,N,D]        '{layer}Reshape_2_output_0', its dimensions in the order 0, 2, 1, 3",
    ]:
        assert f"{line}\n" in done.stdout
    assert done.stdout.count("is attention:") == 3
    assert not (tmp_path / "nothing").exists()


def test_sentences_of_two_lengths_are_padded(tmp_path):
    done = run_demo(tmp_path, "--sentence", "Rain fell all day.", "--sentence", "Paris")
    rows = rows_of(done)
    assert done.returncode == 0
    assert "7 tokens: [cls] rain fell all day . [sep]" in done.stdout
    assert "3 tokens and 4 of padding: [cls] paris [sep]" in done.stdout
    assert [row[1:4] for row in rows] == [("2x12x7x32", "2x12x7x32", "2x1x1x7")] * 3
    assert "3 of 3 layers agree" in done.stdout
    assert "no 'it' in the first sentence: --word names another whose attention is drawn\n" in done.stdout


def test_words_are_those_of_the_model():
    import model

    words = model.Words()
    ids, mask = words.encode([SENTENCE, "Unbelievable"])
    assert ids[0].tolist() == [101, 1996, 4937, 2938, 2006, 1996, 13523, 2138, 2009, 2001, 5458, 1012, 102]
    assert ids[1].tolist() == [101, 23653, 102] + [0] * 10
    assert mask.tolist() == [[1] * 13, [1, 1, 1] + [0] * 10]
    # A paraphrase model brings sentences of one meaning together only if their words are the ones it has learned.
    onnx_model = model.load_model(model.default_model_path())
    sentences = ["A man is eating food.", "Someone has a meal.", "The stock market fell on Monday."]
    embedding = onnx_model.graph.output[-1].name
    feeds = model.make_feeds(onnx_model, words, sentences)
    meal, paraphrase, other = model.run_with_taps(onnx_model, feeds, [embedding])[embedding]
    assert cosine(meal, paraphrase) > 0.5 > cosine(meal, other) + 0.2


def cosine(a, b):
    return float(a @ b / numpy.linalg.norm(a) / numpy.linalg.norm(b))


# Faults that are put in: the demo must notice.


def test_a_wrong_scale_is_noticed(tmp_path):
    real = shutil.which("attn-compile")
    assert real, "attn-compile is not on PATH: run ./dev test python"
    spoilt = tmp_path / "bin/attn-compile"
    spoilt.parent.mkdir()
    spoilt.write_text(f'#!/bin/sh\nsed -i "s/scale(1.76776/scale(1.77776/" "$1"\nexec {real} "$@"\n')
    spoilt.chmod(0o755)
    done = run_demo(tmp_path / "out", "--sentence", SENTENCE, path=f"{spoilt.parent}:")
    assert done.returncode == 1
    assert [row[-1].strip() for row in rows_of(done)] == ["DISAGREES"] * 3
    assert "scale(1.77776" in (tmp_path / "out/attention_0.mlir").read_text()
    assert re.search(r"^hidden states .*DISAGREES$", done.stdout, re.M)
    assert re.search(r"^sentence embedding .*DISAGREES$", done.stdout, re.M)
    assert re.search(r"^to the model's Softmax .*DISAGREES$", done.stdout, re.M)
    assert "0 of 3 layers agree with the model; 7 comparisons failed" in done.stdout


def spoil_element(inputs, out):
    out[0, 7, 3, 11] += 1e-3


def forget_row(inputs, out):
    out[0, 11, 12] = numpy.nan


def forget_mask(inputs, out):
    scores = numpy.einsum("bhnd,bhmd->bhnm", inputs[0], inputs[1]) / 32**0.5
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    out[:] = weights / weights.sum(-1, keepdims=True) @ inputs[2]


@pytest.mark.parametrize("fault", [spoil_element, forget_row, forget_mask])
def test_a_wrong_result_is_noticed(fault, tmp_path, monkeypatch, capsys):
    import demo
    import kernel

    prepare = kernel.Kernel.prepare

    def prepare_spoilt(self, inputs, *outs):
        call = prepare(self, inputs, *outs)
        return lambda: (call(), fault(inputs, outs[0]))

    monkeypatch.setattr(kernel.Kernel, "prepare", prepare_spoilt)
    sentences = ["--sentence", SENTENCE, "--sentence", "Paris"]
    assert demo.main(["--rounds", "1", "--long", "0", "--output", str(tmp_path), *sentences]) == 1
    shown = capsys.readouterr().out
    assert "0 of 3 layers agree with the model" in shown
    # The layers' checks hand the model's own tensors to each layer; the whole model sees the fault as well.
    assert re.search(r"^hidden states .*DISAGREES$", shown, re.M)
    if fault is forget_mask:
        assert re.search(r"^padded sentence.*DISAGREES$", shown, re.M)


# The matcher, on graphs of one layer.


@pytest.mark.parametrize("name", demo_graphs.RECOGNISED)
def test_recognised_spellings_run_and_agree(name, tmp_path):
    import compare
    import kernel
    import model
    from attn_mlir.onnx import SplitModel, describe_op, find_attention

    graph = demo_graphs.RECOGNISED[name]
    (layer,) = find_attention(graph)
    assert layer.name == "the_weights"
    feeds = demo_graphs.make_feeds()
    values = model.run_with_taps(graph, feeds, [*layer.inputs(), layer.out.tensor])
    inputs, out = layer.views(values), layer.out.view(values[layer.out.tensor])
    assert [array.shape for array in (*inputs[:3], out)] == [(2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 4), (2, 3, 5, 4)]
    # What enters is the model's own memory, not a copy of it.
    assert all(numpy.shares_memory(array, feeds[name]) for array, name in zip(inputs[:3], "qkv", strict=True))
    compiled = kernel.Kernel(describe_op(layer, inputs), "attention", tmp_path)
    row, _ = compare.check_layer(graph, layer, values, compiled, rounds=1)
    assert row.agrees(), row
    assert row.bias == {"no_mask": None, "mask_is_a_weight": (2, 1, 1, 1)}.get(name, (2, 1, 1, 7))
    # Taken out of its graph and put back as a kernel it gives the graph's result.
    split = SplitModel(graph, [layer])
    whole = split.run(feeds, lambda _, views, out: compiled.prepare(views, out)())
    assert abs(whole[layer.out.tensor] - values[layer.out.tensor]).max() < 1e-5


@pytest.mark.parametrize("name", demo_graphs.REFUSED)
def test_other_spellings_are_refused_by_name(name):
    from attn_mlir.onnx import MatchError, find_attention

    graph, says = demo_graphs.REFUSED[name]
    with pytest.raises(MatchError) as error:
        find_attention(graph)
    assert re.match(r"Softmax 'the_\w+' is not recognised as attention: ", str(error.value))
    assert says in str(error.value)


def test_near_miss_is_explained(tmp_path):
    """What was matched up to the node that is not recognised, and why that is not."""
    graph, _ = demo_graphs.REFUSED["scale_by_two_numbers"]
    file = demo_graphs.save(graph, tmp_path / "model.onnx")
    why = (
        "Softmax 'the_weights' is not recognised as attention: Mul 'the_masked' stands between it and MatMul "
        "(expected Mul or Div by one constant, or Add)\n"
    )
    done = run_demo(tmp_path, "--model", file, "--explain=match")
    assert done.returncode == 1
    assert done.stdout == f"{why}    weights  Softmax 'the_weights'\n    out      MatMul 'the_mixed'\n"
    assert done.stderr == f"demo: error: {why}"
    done = run_demo(tmp_path, "--model", file)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"demo: error: {why}")


def test_every_softmax_is_explained():
    from attn_mlir.onnx import examine_attention

    nameless = demo_graphs.make_model([*demo_graphs.REFUSED["soft_capped_scores"][0].graph.node][3:])
    for node in nameless.graph.node:
        node.name = ""
    (finding,) = examine_attention(nameless)
    assert finding.node == "Softmax that makes 'weights'"
    assert finding.why_not.startswith("Tanh that makes 'masked' stands between it and MatMul")
    (finding,) = examine_attention(demo_graphs.CLASSIFIER)
    assert (finding.layer, finding.why_not) == (None, None)
    assert finding.remark == "only leaves the graph: probabilities that weigh nothing, a classifier's"
    (finding,) = examine_attention(demo_graphs.ONE_OP)
    assert (finding.node, finding.remark) == ("Attention 'the_y'", "is one op already")


@pytest.mark.parametrize(
    "graph, says",
    [
        (demo_graphs.CLASSIFIER, "no Softmax feeds a MatMul (1 nodes, 1 Softmax)"),
        (demo_graphs.ONE_OP, "Attention 'the_y' is one op already (1 nodes, 0 Softmax)"),
    ],
)
def test_graph_without_attention(graph, says, tmp_path):
    done = run_demo(tmp_path, "--model", demo_graphs.save(graph, tmp_path / "model.onnx"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"demo: error: the graph has no attention written as MatMul, Softmax, MatMul: {says}\n"


# The kernel's C interface, and the budget.


def test_the_c_that_is_shown_compiles_and_agrees(tmp_path):
    import budget
    import kernel
    from attn_mlir.onnx import describe_op, find_attention

    (layer,) = find_attention(demo_graphs.RECOGNISED["div_then_mask"])
    values = {**demo_graphs.make_feeds(), "y": numpy.full((2, 5, 3, 4), numpy.nan, numpy.float32)}
    inputs, out = layer.views(values), layer.out.view(values[layer.out.tensor])
    compiled = kernel.Kernel(describe_op(layer, inputs), "attention", tmp_path)
    compiled.write_caller(inputs, out)
    flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC"]
    command = ["clang-22", *flags, compiled.caller, compiled.library, "-o", tmp_path / "caller.so"]
    subprocess.run(command, check=True)
    attend = ctypes.CDLL(tmp_path / "caller.so").attend
    assert attend(*(ctypes.c_void_p(array.ctypes.data) for array in [*inputs, out])) == 0

    q, k, v, mask = (array.astype(numpy.float64) for array in inputs)
    scores = q @ k.swapaxes(-1, -2) / 2.75 + mask
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    expected = weights / weights.sum(-1, keepdims=True) @ v
    assert (abs(out - expected) <= budget.Rows(*inputs, layer.scale).tolerance()).all()


def test_status_of_a_refused_call_is_told(tmp_path):
    import kernel
    from attn_mlir.onnx import AttentionOp
    from errors import DemoError

    problem = AttentionOp((1, 2, 3, 8), (1, 2, 4, 8), (1, 2, 4, 8), None, 0.5)
    compiled = kernel.Kernel(problem, "attention", tmp_path)
    q, k, v, out = (
        numpy.zeros(shape, numpy.float32) for shape in (problem.query, problem.key, problem.value, problem.query)
    )
    compiled.prepare([q, k, v], out)()
    with pytest.raises(DemoError, match="attention returned ATTN_ERROR_SHAPE: a size is not what the kernel"):
        compiled.prepare([q, k[:, :, :3], v], out)()
    with pytest.raises(DemoError, match="attention returned ATTN_ERROR_STRIDE: the innermost stride is not 1"):
        compiled.prepare([q, numpy.zeros((1, 2, 8, 4), numpy.float32).swapaxes(-1, -2), v], out)()
    with pytest.raises(DemoError, match="a float64 array of rank 4 does not fit 'attn_view4_f32'"):
        compiled.prepare([q.astype(float), k, v], out)
    with pytest.raises(DemoError, match="attention takes 4 views, the layer has 3"):
        compiled.prepare([q, k], out)


def make_rows(mask, keys=7):
    import budget

    numbers = numpy.random.default_rng(5)
    arrays = [numbers.standard_normal((1, 1, rows, 8), numpy.float32) for rows in (3, keys, keys)]
    bias = numpy.zeros((1, 1, 3, keys), numpy.float32)
    bias[0, 0, 1] = mask
    return budget.Rows(*arrays, bias, 0.5)


def test_rows_whose_keys_are_all_masked_are_undetermined():
    """A mask of finite size that hides all keys takes the scores with it: no budget may hide that."""
    lowest = numpy.finfo(numpy.float32).min
    for mask in (lowest, -1e9):
        rows = make_rows(mask)
        assert rows.undetermined().tolist() == [[[False, True, False]]]
        assert (rows.tolerance()[0, 0, ::2] < 1e-4).all()
        assert (rows.tolerance()[0, 0, 1] < 10).all()
        assert (rows.weights_tolerance()[0, 0, 1] <= 1.01).all()
    # One key that is kept, or a mask of moderate size, and there is a budget again.
    kept = [lowest] * 6 + [0]
    for mask in (kept, -1e4):
        rows = make_rows(mask)
        assert not rows.undetermined().any()
        assert (rows.tolerance() < 0.1).all()
    assert (make_rows(kept).weights_tolerance()[0, 0, 1] < 1e-4).all()


def test_undetermined_rows_are_told(tmp_path, capsys):
    import compare
    import kernel
    import model
    import tables
    from attn_mlir.onnx import describe_op, find_attention

    graph = demo_graphs.RECOGNISED["div_then_mask"]
    (layer,) = find_attention(graph)
    feeds = demo_graphs.make_feeds()
    feeds["mask"][0] = numpy.finfo(numpy.float32).min
    values = model.run_with_taps(graph, feeds, [*layer.inputs(), layer.out.tensor])
    compiled = kernel.Kernel(describe_op(layer, layer.views(values)), "attention", tmp_path)
    row, _ = compare.check_layer(graph, layer, values, compiled, rounds=1)
    assert row.undetermined == demo_graphs.SIZES["H"] * demo_graphs.SIZES["N"]
    tables.print_layers([row])
    assert "\nundetermined: 15 rows, all of whose keys are masked" in capsys.readouterr().out


def test_budget_of_weights_sees_a_wrong_score():
    import budget

    numbers = numpy.random.default_rng(6)
    q, k, v = (numbers.standard_normal((1, 2, rows, 32), numpy.float32) for rows in (5, 9, 9))
    allowed = budget.Rows(q, k, v, None, 0.2).weights_tolerance()
    for scale, near in ((0.2, True), (0.2001, False)):
        scores = scale * (q @ k.swapaxes(-1, -2))
        weights = numpy.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        assert (abs(weights - budget.Rows(q, k, v, None, 0.2).weights) <= allowed).all() == near


def test_budget_is_that_of_the_docs():
    import budget

    table = re.search(r"c1 worst case \| (.+?) \| c2 worst case \| (.+) \|", (ROOT / "docs/Numerics.md").read_text())
    assert [round(budget.c1(keys)) for keys in (64, 1024, 4096)] == [int(cell) for cell in table[1].split("|")]
    assert [budget.c2(depth) for depth in (64, 128, 256)] == [int(cell) for cell in table[2].split("|")]
