# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A contender for test_bench.py whose process ends at its second call, unless the workload has one key."""

import os

import numpy_peer


def version():
    return "1"


def variants(w, arrays, context):
    _, (_, right), _ = numpy_peer.variants(w, arrays, context)

    def build():
        run, get = right()
        calls = []

        def run_once():
            run()
            calls.append(1)
            if len(calls) > 1 and w.M > 1:
                os._exit(3)

        return run_once, get

    return [("dying", build)]
