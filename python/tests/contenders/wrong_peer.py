# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A contender for test_bench.py without a correct entry point."""

import numpy_peer


def version():
    return "1"


def variants(w, arrays, context):
    return numpy_peer.variants(w, arrays, context)[:1]
