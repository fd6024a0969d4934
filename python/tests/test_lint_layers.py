# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The include lint refuses what it promises to refuse, on a tree of two files."""

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def lint(tree, path, text):
    (tree / "cmake").mkdir(exist_ok=True)
    shutil.copy(ROOT / "cmake/layers.json", tree / "cmake")
    file = tree / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    command = [sys.executable, ROOT / "utils/lint_layers.py", tree]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    "path, header, says",
    [
        ("lib/Dialect/Attention/IR/A.cpp", "attn/Analysis/Masks.h", "AttnDialect (layer 1) must not include"),
        ("include/attn/Analysis/A.h", "attn/Pipelines/Stages.h", "AttnAnalysis (layer 2) must not include"),
        ("lib/Target/CPU/A.cpp", "attn/Dialect/Attention/IR/Attention.h", "layer 4 must not include"),
        ("lib/Reference/A.cpp", "llvm/ADT/STLExtras.h", "AttnReference knows no MLIR and no LLVM"),
        ("runtime/A.cpp", "mlir/IR/Builders.h", "AttnRuntime knows no MLIR and no LLVM"),
        ("lib/Compiler/A.cpp", "attn/Dialect/Attention/Transforms/Passes.h", "AttnCompiler (layer 6) must not"),
    ],
)
def test_refuses(tmp_path, path, header, says):
    result = lint(tmp_path, path, f'#include "{header}"\n')
    assert result.returncode == 1
    assert says in result.stdout


@pytest.mark.parametrize(
    "path, header",
    [
        ("lib/Dialect/Attention/Transforms/A.cpp", "attn/Analysis/Masks.h"),
        ("lib/Dialect/Attention/Transforms/A.cpp", "attn/Dialect/Attention/Transforms/Passes.h"),
        ("lib/Target/CPU/A.cpp", "attn/Dialect/Attention/IR/AttentionAttrs.h"),
        ("lib/Reference/A.cpp", "vector"),
    ],
)
def test_accepts(tmp_path, path, header):
    result = lint(tmp_path, path, f"#include <{header}>\n")
    assert result.returncode == 0, result.stdout
