# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ours: what attn-compile made, called through its C interface."""

import functools

import numpy as np

from harness import abi
from harness.contenders import empty_out, from_layout, to_layout


def version():
    return "this checkout"


def variants(w, arrays, context):
    # Kernels of one layout read the same memory: equal code took up to 20 % more time on other pages.
    inputs = functools.cache(lambda layout: make_inputs(w, arrays, layout))

    def build_form(form, path):
        layout = form.split(",")[0]
        return build(w, inputs(layout), context, layout, path)

    return [(form, functools.partial(build_form, form, path)) for form, path in context["libraries"].items()]


def make_inputs(w, arrays, layout):
    """Arguments by name, but `out`."""
    tensors = {name: to_layout(arrays[name], layout) for name in "qkv"}
    for name in ("bias", "mask"):
        if name in arrays:
            tensors[name] = abi.aligned(arrays[name])
    if "bias" in arrays:
        tensors["scores"] = tensors["bias"].reshape(w.Hkv, w.H // w.Hkv, w.N, w.M)
    if "slopes" in arrays:
        tensors["slopes"] = abi.aligned(arrays["slopes"].reshape(w.Hkv, w.H // w.Hkv))
    if "sinks" in arrays:
        tensors["sinks"] = abi.aligned(arrays["sinks"].reshape(w.Hkv, w.H // w.Hkv))
    if "weights" in arrays:
        tensors["weights"] = abi.aligned(arrays["weights"])
    if w.padding:
        tensors["lengths"] = abi.aligned(w.lengths().astype(np.int32))
    if "document" in arrays:
        tensors["document_j"] = abi.aligned(arrays["document"])
        tensors["document_i"] = tensors["document_j"][w.M - w.N :]
    return tensors


def build(w, inputs, context, layout, path):
    runtime = abi.load_runtime(context["build_dir"])
    kernel = abi.Kernel(path)
    out = empty_out(w, layout, inputs["q"].dtype)
    tensors = inputs | {"out": out}
    described = kernel.description["arguments"]
    for argument in described:
        if len(argument["sizes"]) == 5:  # heads as groups: another view of the same memory
            array = tensors[argument["name"]]
            heads = 2 if layout == "bnhd" else 1
            sizes = (*array.shape[:heads], w.Hkv, w.H // w.Hkv, *array.shape[heads + 1 :])
            tensors[argument["name"]] = array.reshape(sizes)
    run = kernel.bind([tensors[argument["name"]] for argument in described], context["threads"], runtime)
    return run, lambda: from_layout(out, layout)
