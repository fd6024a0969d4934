# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ggml (of llama.cpp) on CPU: ggml_flash_attn_ext. Q and the result are f32, its mask is f16; K and V have the type of
the workload. The structures below are those of ggml.h and ggml-cpu.h of the version that peers.py builds."""

import ctypes as c

import numpy as np

from harness import Unsupported, abi, numerics, peers
from harness.contenders import LAYOUTS, to_layout

TYPES = {"f32": 0, "f16": 1, "bf16": 30}  # enum ggml_type
MARGIN = 64 << 20  # bytes of a context beside those of its tensors


class InitParams(c.Structure):
    _fields_ = [("mem_size", c.c_size_t), ("mem_buffer", c.c_void_p), ("no_alloc", c.c_bool)]


class Plan(c.Structure):
    _fields_ = [
        ("work_size", c.c_size_t),
        ("work_data", c.c_void_p),
        ("n_threads", c.c_int),
        ("threadpool", c.c_void_p),
        ("abort_callback", c.c_void_p),
        ("abort_callback_data", c.c_void_p),
        ("use_ref", c.c_bool),
    ]


def load():
    for name in ("base", "cpu"):
        library = c.CDLL(str(peers.GGML / f"libggml-{name}.so"), mode=c.RTLD_GLOBAL)
    base = c.CDLL(str(peers.GGML / "libggml-base.so"))
    pointer, size, integer = c.c_void_p, c.c_int64, c.c_int
    signatures = {
        (base, "ggml_init"): (pointer, [InitParams]),
        (base, "ggml_new_tensor_4d"): (pointer, [pointer, integer] + [size] * 4),
        (base, "ggml_permute"): (pointer, [pointer, pointer] + [integer] * 4),
        (base, "ggml_get_data"): (pointer, [pointer]),
        (base, "ggml_flash_attn_ext"): (pointer, [pointer] * 5 + [c.c_float] * 3),
        (base, "ggml_new_graph"): (pointer, [pointer]),
        (base, "ggml_build_forward_expand"): (None, [pointer, pointer]),
        (library, "ggml_cpu_init"): (None, []),
        (library, "ggml_graph_plan"): (Plan, [pointer, integer, pointer]),
        (library, "ggml_graph_compute"): (integer, [pointer, c.POINTER(Plan)]),
    }
    functions = {}
    for (owner, name), (result, arguments) in signatures.items():
        function = getattr(owner, name)
        function.restype, function.argtypes = result, arguments
        functions[name.removeprefix("ggml_")] = function
    return functions


def version():
    return f"of llama-cpp-python {peers.LLAMA_CPP_PYTHON}"


def variants(w, arrays, context):
    if w.similarity != "dot":
        raise Unsupported("no entry point for additive similarity")
    if w.sink:
        raise Unsupported("a sink is not written here")
    return [
        (f"flash_attn_ext, {layout}", lambda layout=layout: attend(w, arrays, context, layout)) for layout in LAYOUTS
    ]


def attend(w, arrays, context, layout):
    ggml = load()
    ggml["cpu_init"]()
    feeds = {name: to_layout(arrays[name], layout) for name in "qkv"}
    feeds["q"] = feeds["q"].astype(np.float32)
    bias = numerics.dense_bias(w, arrays)
    if bias is not None:
        feeds["bias"] = bias.astype(np.float16)
    out_bytes = 4 * w.B * w.H * w.N * w.Dv
    total = sum(array.nbytes for array in feeds.values()) + out_bytes
    held = ggml["init"](InitParams(total + MARGIN, None, False))
    if not held:
        raise MemoryError(f"ggml_init of {total + MARGIN} bytes")

    def tensor(name):
        kind = {"q": "f32", "bias": "f16"}.get(name, w.dtype)
        array = feeds[name]
        made = ggml["new_tensor_4d"](held, TYPES[kind], *reversed(array.shape))  # the innermost size comes first
        c.memmove(ggml["get_data"](made), array.ctypes.data, array.nbytes)
        if name != "bias" and layout == "bnhd":
            made = ggml["permute"](held, made, 0, 2, 1, 3)
        return made

    q, k, v = (tensor(name) for name in "qkv")
    mask = tensor("bias") if bias is not None else None
    out = ggml["flash_attn_ext"](held, q, k, v, mask, w.scale_factor, 0.0, w.softcap)
    graph = ggml["new_graph"](held)
    ggml["build_forward_expand"](graph, out)
    plan = ggml["graph_plan"](graph, context["threads"], None)
    work = abi.aligned(np.zeros(max(plan.work_size, 1), np.uint8))
    plan.work_data = work.ctypes.data

    def run():
        if ggml["graph_compute"](graph, c.byref(plan)):
            raise RuntimeError("ggml_graph_compute failed")

    run.keep = work

    def get():  # [B,N,H,Dv]
        values = (c.c_float * (w.B * w.N * w.H * w.Dv)).from_address(ggml["get_data"](out))
        return np.ctypeslib.as_array(values).reshape(w.B, w.N, w.H, w.Dv).transpose(0, 2, 1, 3).copy()

    return run, get
