# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tests import the package from the build tree, where ./dev test has built it."""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("ATTN_BUILD_DIR", "build/dev")
sys.path.insert(0, str(BUILD / "python"))

# A sanitized extension cannot be loaded into python, so that such a build has none.
cache = BUILD / "CMakeCache.txt"
if cache.exists() and re.search(r"^LLVM_USE_SANITIZER:\w+=.", cache.read_text(), re.M):
    collect_ignore_glob = ["test_attn_mlir_*.py"]
