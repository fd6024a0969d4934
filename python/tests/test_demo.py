# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""./dev demo does what it says on the real model, finds faults that are put in, and refuses what it cannot do.

Without the packages of python/requirements-demo.txt these tests fail with the demo's own message: they do not skip.
"""

import ctypes
import importlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import demo_graphs
import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples/demo"
SENTENCE = "The cat sat on the mat because it was tired."
ROW = re.compile(r"^layer\.(\d)/attention/self +(\S+) +(\S+) +(\S+) +(\S+) +(\S+) +(\S+)% +(\S+) +(\S+)(.*)$", re.M)


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    """The demo's own modules and the package, as the script sees them."""
    monkeypatch.syspath_prepend(DEMO)
    importlib.import_module("package")


def run_demo(output, *arguments, path=""):
    command = [sys.executable, DEMO / "demo.py", "--rounds", "3", "--output", output, *arguments]
    environment = dict(os.environ, PATH=path + os.environ["PATH"])
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def rows_of(done):
    assert done.stderr == ""
    return ROW.findall(done.stdout)


@pytest.fixture(scope="module")
def default_run(tmp_path_factory):
    """What ./dev demo does without options, and the folder it wrote."""
    folder = tmp_path_factory.mktemp("demo")
    return run_demo(folder), folder


def test_real_model(default_run):
    done, folder = default_run
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


def test_whole_model_agrees(default_run):
    what = r"^(hidden states|sentence embedding|output|padded sentence).*? (\S+e-\d+) +(\S+)$"
    whole = re.findall(what, default_run[0].stdout, re.M)
    expected = ["hidden states", "sentence embedding", "output"]
    assert [row[0] for row in whole] == [*expected, *expected, "padded sentence"]
    for _, difference, budget in whole:
        assert 0 < float(difference) < float(budget) < 1e-4


def test_files_are_listed_and_the_c_is_shown(default_run):
    done, folder = default_run
    # One kernel serves the three layers of a run.
    names = [f"attention_{i}{end}" for i in (0, 1) for end in (".h", ".mlir", ".so", "_call.c")]
    assert sorted(path.name for path in folder.iterdir()) == names
    for path in folder.iterdir():
        assert f"{path.stat().st_size} bytes  {path}\n" in done.stdout
    caller = (folder / "attention_0_call.c").read_text().splitlines()
    shown = done.stdout.partition("how C calls it")[2].splitlines()[2:5]
    assert [line.split()[0] for line in shown] == ["attn_view4_f32", "attn_call", "int32_t"]
    assert all(line.removeprefix("  ") in caller for line in shown)


def test_sentences_of_two_lengths_are_padded(tmp_path):
    done = run_demo(tmp_path, "--sentence", "Rain fell all day.", "--sentence", "Paris")
    rows = rows_of(done)
    assert done.returncode == 0
    assert "7 tokens: [cls] rain fell all day . [sep]" in done.stdout
    assert "3 tokens and 4 of padding: [cls] paris [sep]" in done.stdout
    assert [row[1:4] for row in rows] == [("2x12x7x32", "2x12x7x32", "2x1x1x7")] * 3
    assert "3 of 3 layers agree" in done.stdout


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
    assert "0 of 3 layers agree with the model; 6 comparisons failed" in done.stdout


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

    def prepare_spoilt(self, inputs, out):
        call = prepare(self, inputs, out)
        return lambda: (call(), fault(inputs, out))

    monkeypatch.setattr(kernel.Kernel, "prepare", prepare_spoilt)
    sentences = ["--sentence", SENTENCE, "--sentence", "Paris"]
    assert demo.main(["--rounds", "1", "--output", str(tmp_path), *sentences]) == 1
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


# What goes wrong around it.


def test_broken_model_files(tmp_path):
    import model

    whole = model.default_model_path().read_bytes()
    broken = tmp_path / "broken.onnx"
    for part, says in [
        (whole[: len(whole) // 2], "is not a whole ONNX model: Error parsing message"),
        (b"", "is not a whole ONNX model: its graph has no node"),
        (None, "cannot read the model"),
    ]:
        broken.unlink(missing_ok=True)
        if part is not None:
            broken.write_bytes(part)
        done = run_demo(tmp_path, "--model", broken)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("demo: error: ") and done.stderr.count("\n") == 1
        assert says in done.stderr and str(broken) in done.stderr


def test_model_with_other_inputs(tmp_path):
    graph = demo_graphs.RECOGNISED["no_mask"]
    done = run_demo(tmp_path, "--model", demo_graphs.save(graph, tmp_path / "model.onnx"))
    assert done.returncode == 1
    assert "the model asks for an input 'q' (known are input_ids, attention_mask, token_type_ids)" in done.stderr


def test_output_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    done = run_demo(tmp_path / "file/folder")
    assert done.returncode == 1
    assert f"cannot write '{tmp_path}/file/folder': Not a directory; --output names another folder" in done.stderr


def test_compiler_that_is_not_there(tmp_path, monkeypatch, capsys):
    import demo

    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo.main(["--output", str(tmp_path)]) == 1
    assert "attn-compile is not on PATH: ./dev demo builds what is missing" in capsys.readouterr().err


def test_packages_that_are_not_there(tmp_path, monkeypatch, capsys):
    import demo
    import model

    monkeypatch.setitem(sys.modules, "blingfire", None)
    assert demo.main(["--output", str(tmp_path)]) == 1
    assert "./dev demo installs python/requirements-demo.txt, for which it needs the network" in capsys.readouterr().err
    monkeypatch.setattr(model, "PACKAGE", "a-package-that-nobody-installs")
    assert demo.main(["--output", str(tmp_path)]) == 1
    assert "the Python package a-package-that-nobody-installs is not installed" in capsys.readouterr().err


def test_sentence_of_too_many_words(tmp_path):
    done = run_demo(tmp_path, "--sentence", "short", "--sentence", "cat " * 511)
    assert (done.returncode, done.stderr) == (1, "demo: error: --sentence: number 2 has more than 510 word pieces\n")


def test_command_line(tmp_path):
    done = run_demo(tmp_path, "--help")
    assert done.returncode == 0
    assert set(re.findall(r"--\w+", done.stdout)) == {"--help", "--sentence", "--model", "--output", "--rounds"}
    for wrong in (["--rounds", "0"], ["--rounds", "few"], ["--speed"]):
        done = run_demo(tmp_path, *wrong)
        assert done.returncode == 2 and done.stderr.startswith("usage: ./dev demo")


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
    assert (abs(out - expected) <= budget.tolerance(*inputs, layer.scale)).all()


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


def test_budget_is_that_of_the_docs():
    import budget

    table = re.search(r"c1 worst case \| (.+?) \| c2 worst case \| (.+) \|", (ROOT / "docs/Numerics.md").read_text())
    assert [round(budget.c1(keys)) for keys in (64, 1024, 4096)] == [int(cell) for cell in table[1].split("|")]
    assert [budget.c2(depth) for depth in (64, 128, 256)] == [int(cell) for cell in table[2].split("|")]
