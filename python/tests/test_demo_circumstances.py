# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad circumstances of ./dev demo: one clear message each, and a status that is not 0."""

import os
import re
import sys

import demo_graphs
import pytest
from demo_runs import run_demo


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


def test_output_folder_without_permission(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o555)
    # Root may write anywhere unless it gives that power away, for itself and what it starts.
    before = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []
    for output, where in [(folder, "attention_0.mlir"), (folder / "below", "")]:
        done = run_demo(output, before=before)
        assert done.returncode == 1
        says = f"cannot write '{output / where}': Permission denied; --output names another folder"
        assert done.stderr == f"demo: error: {says}\n"


def test_output_folder_where_nobody_can_write(tmp_path):
    done = run_demo("/proc/attn-demo")
    assert done.returncode == 1
    says = r"demo: error: cannot write '/proc/attn-demo': .+; --output names another folder\n"
    assert re.fullmatch(says, done.stderr)


def test_full_disk(tmp_path):
    (tmp_path / "weights.png").symlink_to("/dev/full")
    done = run_demo(tmp_path)
    assert done.returncode == 1
    says = f"cannot write '{tmp_path}/weights.png': No space left on device; --output names another folder"
    assert done.stderr == f"demo: error: {says}\n"


def test_compiler_that_fails(tmp_path):
    compiler = tmp_path / "bin/attn-compile"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\necho 'attn-compile: error: no such processor' >&2\nexit 3\n")
    compiler.chmod(0o755)
    done = run_demo(tmp_path / "out", path=f"{compiler.parent}:")
    assert done.returncode == 1
    assert done.stderr == ("demo: error: attn-compile failed with status 3:\nattn-compile: error: no such processor\n")


def test_compiler_that_is_not_there(tmp_path, monkeypatch, capsys):
    import demo

    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo.main(["--output", str(tmp_path)]) == 1
    assert "attn-compile is not on PATH: ./dev demo builds what is missing" in capsys.readouterr().err


def test_painter_that_is_not_there(tmp_path, monkeypatch):
    import draw
    from errors import DemoError

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DemoError, match="matplotlib.*: ./dev demo installs python/requirements-demo.txt"):
        draw.write_pictures(None, tmp_path)


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
    options = {"--help", "--sentence", "--word", "--model", "--output", "--rounds", "--long", "--explain"}
    assert set(re.findall(r"--\w+", done.stdout)) == options
    wrongs = (["--rounds", "0"], ["--rounds", "few"], ["--long", "-1"], ["--explain", "plan"], ["--speed"])
    for wrong in wrongs:
        done = run_demo(tmp_path, *wrong)
        assert done.returncode == 2 and done.stderr.startswith("usage: ./dev demo")
