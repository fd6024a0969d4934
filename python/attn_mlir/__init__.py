# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attn_mlir compiles attention to kernels and calls them on numpy arrays in place.

sdpa(q, k, v) is attention at once; parse, compile and load are the compiler. docs/Python.md shows them.
"""

from attn_mlir._core import Argument, Diagnostic, Kernel, Module, __version__
from attn_mlir._errors import CompileError
from attn_mlir._explain import explain_mask, explain_plan
from attn_mlir._library import STAGES, Library, compile, load, parse, run_pipeline
from attn_mlir._sdpa import sdpa

__all__ = [
    "STAGES",
    "Argument",
    "CompileError",
    "Diagnostic",
    "Kernel",
    "Library",
    "Module",
    "__version__",
    "compile",
    "explain_mask",
    "explain_plan",
    "load",
    "parse",
    "run_pipeline",
    "sdpa",
]
