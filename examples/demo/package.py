# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes attn_mlir importable from the build tree, so it is imported first."""

import os
import pathlib
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = ROOT / os.environ.get("ATTN_BUILD_DIR", "build/dev") / "python"

if (BUILT / "attn_mlir").exists():
    sys.path.insert(0, str(BUILT))
else:
    # A build under a sanitizer has no extension; the ONNX part, which is all that the demo uses, needs none.
    sys.modules["attn_mlir"] = types.ModuleType("attn_mlir")
    sys.modules["attn_mlir"].__path__ = [str(ROOT / "python/attn_mlir")]
