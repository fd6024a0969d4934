# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What docs/demo.md and the README say about ./dev demo: its commands run, and what they show is what it prints."""

import re
import shlex

import pytest
from demo_runs import ROOT, default_run, run_demo
from test_demo_look import read_svg

DOCUMENTS = [ROOT / "docs/demo.md", ROOT / "README.md"]


def find_commands():
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
        lines = [line for block in blocks for line in block.splitlines()]
        found += [line for line in [*lines, *re.findall(r"`([^`\n]+)`", text)] if line.startswith("./dev demo")]
    return sorted({tuple(shlex.split(line, comments=True)[2:]) for line in found})


def test_there_are_commands():
    commands = find_commands()
    assert () in commands and ("--explain", "match") in commands and len(commands) >= 5


@pytest.mark.parametrize("arguments", [command for command in find_commands() if command], ids=" ".join)
def test_commands_work(arguments, tmp_path):
    done = run_demo(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")


def normalise(line):
    """A line without what differs between machines: numbers, and the width that they give to columns."""
    return " ".join(re.sub(r"\d[\d.]*(e-\d+)?", "0", line).split())


def test_excerpts_are_what_it_prints():
    done, _ = default_run()
    printed = [normalise(line) for line in done.stdout.splitlines()]
    blocks = re.findall(r"^```text\n(.*?)^```", DOCUMENTS[0].read_text(), re.M | re.S)
    assert len(blocks) == 5
    for block in blocks:
        lines = [normalise(line) for line in block.splitlines()]
        starts = [i for i, line in enumerate(printed) if line == lines[0]]
        assert any(printed[i : i + len(lines)] == lines for i in starts), block


def test_map_in_the_document_is_what_it_prints():
    done, _ = default_run()
    shown = [line for line in DOCUMENTS[0].read_text().splitlines() if "|" in line and "░" in line]
    assert len(shown) == 13
    assert all(line in done.stdout.splitlines() for line in shown)


def test_picture_is_what_it_draws():
    _, folder = default_run()
    committed, drawn = (read_svg(path) for path in (ROOT / "docs/images/it.svg", folder / "weights.svg"))
    assert committed[0] == drawn[0]
    # A weight may be rounded to the next of 256 colours where another processor sums in another order.
    for ours, theirs in zip(committed[1], drawn[1], strict=True):
        assert abs(ours - theirs).max() <= 3
    assert (ROOT / "docs/images/it.svg").stat().st_size < 60_000
