# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes attn_mlir importable from the checkout, so it is imported first. Its ONNX part is read from the source."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / os.environ.get("ATTN_BUILD_DIR", "build/dev") / "python"), str(ROOT / "python")]

import attn_mlir  # noqa: E402

if (_source := str(ROOT / "python/attn_mlir")) not in attn_mlir.__path__:
    attn_mlir.__path__.append(_source)
