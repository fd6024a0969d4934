# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""AMD's zentorch: its backend of torch.compile under scaled_dot_product_attention. It wants a PyTorch of its own."""

import torch
import zentorch

from harness import Unsupported
from harness.contenders.torch_cpu import entry_points, prepare, runner


def version():
    return f"{zentorch.__version__} with torch {torch.__version__}"


def variants(w, arrays, context):
    if w.dtype == "f16":
        raise Unsupported("has no f16")

    def build(make, shape):
        prepare(context)
        torch._dynamo.reset()
        run, get = runner(torch.compile(make(), backend="zentorch", dynamic=False), shape)
        run()  # compiles
        return run, get

    return [(name, lambda make=make, shape=shape: build(make, shape)) for name, make, shape in entry_points(w, arrays)]
