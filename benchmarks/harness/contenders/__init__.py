# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One module per library. Each has

    version()                           what is measured, for the report
    variants(workload, arrays, context) [(name, build)]: entry points and layouts to choose from, or Unsupported

where build() does all that a program does once (inputs in the layout the entry point likes, masks, sessions) and
returns (run, get): run() is one forward, get() its result as [B,H,N,Dv]. context has threads and the libraries
of our kernels.
"""

import numpy as np

from harness import abi

LAYOUTS = ("bhnd", "bnhd")


def to_layout(array, layout):
    """[B,H,N,D] in memory as `layout` says, aligned."""
    return abi.aligned(array.transpose(0, 2, 1, 3) if layout == "bnhd" else array)


def from_layout(array, layout):
    return array.transpose(0, 2, 1, 3) if layout == "bnhd" else array


def empty_out(w, layout, dtype):
    """Filled with NaN: what is never written is never right."""
    out = abi.aligned(np.zeros((w.B, w.N, w.H, w.Dv) if layout == "bnhd" else (w.B, w.H, w.N, w.Dv), dtype))
    out[...] = np.nan
    return out
