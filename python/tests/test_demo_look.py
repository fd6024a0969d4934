# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What ./dev demo says about the word it looks at, and about a long attention."""

import base64
import io
import re

import demo_graphs
import numpy
import PIL.Image
import pytest
from demo_runs import SENTENCE, default_run, run_demo


def test_it_looks_at_the_cat():
    done, _ = default_run()
    lines = done.stdout.partition("what 'it' looks at")[2].splitlines()
    table = lines[2:16]
    assert re.findall(r"layer (\d), heads 0-11", table[0]) == ["0", "1", "2"]
    assert [line.split("|")[0].strip() for line in table[1:]] == f"[cls] {SENTENCE[:-1].lower()} . [sep]".split()
    for line in table[1:]:
        assert [len(cell.strip(" ")) <= 24 for cell in line.split("|")[1:-1]] == [True] * 3
        assert len(line) == len(table[1])
    assert lines[16] == "░ from 3%, ▒ from 10%, ▓ from 25%, █ from 50%"
    # Cells are two wide: head 10 of layer 1.
    cat = next(line for line in table if line.strip().startswith("cat"))
    assert cat.split("|")[2][20:22] == "██"
    assert lines[17] == "layer 1, head 10: 90% on 'cat'"
    difference, budget, worst = re.search(r"^to the model's Softmax +(\S+) +(\S+) +(\S+)%$", done.stdout, re.M).groups()
    assert 0 < float(difference) < float(budget) < 1e-3 and float(worst) < 100


def read_svg(path):
    """(its texts, its images as arrays)."""
    text = path.read_text()
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", text)
    encoded = re.findall(r'xlink:href="data:image/png;base64,\s*([^"]+)"', text)
    images = [PIL.Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB") for data in encoded]
    return texts, [numpy.asarray(image).astype(int) for image in images]


def test_pictures():
    _, folder = default_run()
    image = PIL.Image.open(folder / "weights.png")
    assert image.format == "PNG" and min(image.size) > 500
    texts, images = read_svg(folder / "weights.svg")
    words = f"[cls] {SENTENCE[:-1].lower()} . [sep]".split()
    assert "What 'it' looks at (weights returned by the kernels)" in texts
    assert all(texts.count(word) == 3 * words.count(word) for word in words)
    assert [f"layer {layer}, head" in texts for layer in range(3)] == [True] * 3
    # Head 10 of layer 1 is darkest at "cat", which is what the terminal says.
    maps = [image for image in images if image.shape[:2] == (12, 13)]
    assert len(maps) == 3
    brightness = maps[1][10].sum(-1)
    assert brightness.argmin() == words.index("cat")


def make_look(tokens, weights, word="it"):
    import look

    return look.Look(word, tokens, numpy.asarray(weights, numpy.float32), 0.0, 1.0, 0.0)


def test_heat_map_of_a_narrow_terminal():
    import draw

    seen = make_look(["it", "was"], [[[0.0, 0.04], [0.2, 1.0]], [[0.3, 0.0], [0.0, 0.6]]])
    assert draw.terminal_lines(seen, False, draw.SHADES, 100) == [
        "      layer 0, heads 0-1   layer 1, heads 0-1",
        " it  |  ▒▒  |▓▓  |",
        "was  |░░██  |  ██|",
        "░ from 3%, ▒ from 10%, ▓ from 25%, █ from 50%",
    ]
    narrow = draw.terminal_lines(seen, False, draw.PLAIN_SHADES, 12)
    assert [line for line in narrow if "|" in line] == [" it  |  ::|", "was  |..##|", " it  |**  |", "was  |  ##|"]
    coloured = draw.terminal_lines(seen, True, draw.SHADES, 100)
    assert coloured[1].startswith(" it  |\x1b[48;5;232m  \x1b[0m\x1b[48;5;242m  \x1b[0m  |")
    assert "\x1b[48;5;255m  \x1b[0m" in coloured[2]


def test_strongest_are_words():
    tokens = ["[cls]", "cat", "it", "."]
    seen = make_look(tokens, [[[0.5, 0.2, 0.3, 0.0], [0.0, 0.1, 0.0, 0.9]]])
    assert [(layer, head, token) for layer, head, token, _ in seen.strongest(3)] == [(0, 0, "cat"), (0, 1, "cat")]


def test_another_word_and_an_old_terminal(tmp_path):
    # Letters that neither the encoding of the terminal nor the font of the PNG has.
    sentences = ["--sentence", "Wo ist das Bier in 北京?"]
    done = run_demo(tmp_path, *sentences, "--word", "das", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "what 'das' looks at" in done.stdout and ". from 3%, : from 10%, * from 25%, # from 50%" in done.stdout
    assert "weights.png lacks letters that its font does not have; weights.svg has them\n" in done.stdout
    assert "北" in (tmp_path / "weights.svg").read_text()
    done = run_demo(tmp_path, *sentences, "--word", "beer")
    assert (done.returncode, done.stderr) == (
        1,
        "demo: error: --word: 'beer' is not a word piece of the first sentence\n",
    )


def test_long_attention():
    done, _ = default_run()
    assert "one layer at N = M = 2048, H = 12, D = 32 (random numbers, an eighth of the keys masked):" in done.stdout
    memory = {
        name: float(size)
        for name, size in re.findall(
            r"^(fused kernel|onnxruntime, the layer's nodes) +([\d.]+) MiB +[\d.]+ ms$", done.stdout, re.M
        )
    }
    # 192 MiB of scores, which onnxruntime stores at least once; the kernel has its workspace.
    assert memory["fused kernel"] < 4 and memory["onnxruntime, the layer's nodes"] > 192
    workspace = re.search(
        r"asks for ([\d.]+) KiB of workspace; scores, which it never stores, are 192.0 MiB", done.stdout
    )
    assert 0 < float(workspace[1]) < 1024
    difference, budget, worst = re.search(r"^to onnxruntime +(\S+) +(\S+) +(\S+)%$", done.stdout, re.M).groups()
    assert 0 < float(difference) < float(budget) < 1e-2 and float(worst) < 100


def test_growth_is_that_of_the_call():
    import long

    numpy.full(16 << 20, 1, numpy.uint8)  # a peak of before
    growth, bound = long.measure_growth(lambda: numpy.full(64 << 20, 1, numpy.uint8))
    assert bound or 60 << 20 < growth < 80 << 20
    assert long.measure_growth(lambda: None)[0] < 20 << 20


def test_long_attention_is_judged_row_by_row():
    import long
    from attn_mlir.onnx import find_attention

    (layer,) = find_attention(demo_graphs.RECOGNISED["div_then_mask"])
    values = long.make_values(layer, 2, 8, 4, 300)
    q, k, v, bias = (view.astype(numpy.float64) for view in layer.views(values))
    scores = q @ k.swapaxes(-1, -2) * layer.scale + bias
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    right = (weights / weights.sum(-1, keepdims=True) @ v).astype(numpy.float32)
    wrong = right.copy()
    wrong[0, 1, 299, 3] += 1e-2
    views = layer.views(values)
    assert long.compare_long(layer, views, right, right)[2] == 0
    difference, allowed, worst = long.compare_long(layer, views, wrong, right)
    assert abs(difference - 1e-2) < 1e-4 and worst > 1 and allowed < difference
    wrong[0, 0, 128, 0] = numpy.nan
    assert long.compare_long(layer, views, wrong, right)[2] == numpy.inf


def test_process_that_fails_is_told(tmp_path, monkeypatch):
    import long
    from attn_mlir.onnx import find_attention
    from errors import DemoError

    graph = demo_graphs.RECOGNISED["div_then_mask"]
    (layer,) = find_attention(graph)
    monkeypatch.setattr(long, "write_bytes", lambda path, data: path.write_bytes(data[:-9]))
    says = "the process that measures kernel at N = 16 failed: .*is not a whole ONNX model"
    with pytest.raises(DemoError, match=says):
        long.measure_long(graph, layer, (2, 8, 4), 16, 1, tmp_path)
