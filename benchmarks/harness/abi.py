# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""include/attn-c by way of ctypes: views, calls, and the run time."""

import ctypes
import json
import os

import numpy as np


class AttnCall(ctypes.Structure):
    _fields_ = [
        ("abi_version", ctypes.c_int32),
        ("workers", ctypes.c_int32),
        ("workspace", ctypes.c_void_p),
        ("workspace_bytes", ctypes.c_size_t),
        ("parallel_for", ctypes.c_void_p),
        ("pool", ctypes.c_void_p),
    ]


class OpenMPPool(ctypes.Structure):
    _fields_ = [("workers", ctypes.c_int32), ("pin", ctypes.c_int32)]


def load_runtime(build_dir):
    """libAttnRuntime.so with its signatures."""
    library = ctypes.CDLL(os.path.join(build_dir, "lib/libAttnRuntime.so"))
    library.attn_measure_peak_f32.restype = ctypes.c_double
    library.attn_measure_peak_f32.argtypes = [ctypes.c_int32, ctypes.c_int32]
    library.attn_measure_read_bandwidth.restype = ctypes.c_double
    library.attn_measure_read_bandwidth.argtypes = [ctypes.c_int32, ctypes.c_size_t, ctypes.c_int32]
    library.attn_peak_instruction_set.restype = ctypes.c_char_p
    return library


def aligned(array):
    """A copy at an address that is a multiple of 64, as attn-run places tensors."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def make_view(array):
    """The view struct of an array; the array must outlive it."""
    rank = array.ndim

    class View(ctypes.Structure):
        _fields_ = [
            ("data", ctypes.c_void_p),
            ("sizes", ctypes.c_int64 * rank),
            ("strides", ctypes.c_int64 * rank),
        ]

    strides = [stride // array.itemsize for stride in array.strides]
    return View(array.ctypes.data, (ctypes.c_int64 * rank)(*array.shape), (ctypes.c_int64 * rank)(*strides))


class Kernel:
    """A kernel of a shared library that attn-compile made."""

    def __init__(self, path, name="attention"):
        self.library = ctypes.CDLL(os.fspath(path))
        self.function = getattr(self.library, name)
        self.function.restype = ctypes.c_int32
        description = getattr(self.library, name + "_description")
        description.restype = ctypes.c_char_p
        self.description = json.loads(description())
        self.workspace_size = getattr(self.library, name + "_workspace_size")
        self.workspace_size.restype = ctypes.c_size_t
        self.call_workspace_size = None
        if self.description.get("workspace_of_call"):
            self.call_workspace_size = getattr(self.library, name + "_call_workspace_size")
            self.call_workspace_size.restype = ctypes.c_size_t

    def bind(self, arrays, threads=1, runtime=None):
        """A callable without arguments for these tensors, in the order of the kernel's arguments."""
        views = [make_view(array) for array in arrays]
        call = AttnCall(self.description["abi"], threads, None, 0, None, None)
        size = self.workspace_size(threads)
        if self.call_workspace_size:
            size = self.call_workspace_size(ctypes.byref(call), *(ctypes.byref(view) for view in views))
        workspace = np.empty(size, np.uint8)
        call.workspace, call.workspace_bytes = workspace.ctypes.data, size
        pool = OpenMPPool(threads, 1)
        if threads > 1:
            call.parallel_for = ctypes.cast(runtime.attn_openmp_parallel_for, ctypes.c_void_p)
            call.pool = ctypes.cast(ctypes.pointer(pool), ctypes.c_void_p)
        arguments = [ctypes.byref(call), *(ctypes.byref(view) for view in views)]
        function = self.function

        def run():
            status = function(*arguments)
            if status:
                raise RuntimeError(f"the kernel refuses the call with status {status}")

        run.keep = (views, workspace, call, pool, arrays, runtime)
        return run
