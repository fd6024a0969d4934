# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether two arrays share memory, asked by the extension where their extents do."""

import numpy

# Effort of the search in candidates; real layouts take a handful. Where it is spent, the answer is the careful one.
MAX_WORK = 100_000


class _Memory:
    def __init__(self, address, sizes, strides, item_bytes):
        self.__array_interface__ = {
            "version": 3,
            "typestr": f"|V{item_bytes}",
            "data": (address, True),
            "shape": sizes,
            "strides": strides,
        }


def shares_memory(a, b):
    """`a` and `b` are (address, sizes, strides in bytes, bytes of an element)."""
    try:
        return numpy.shares_memory(numpy.asarray(_Memory(*a)), numpy.asarray(_Memory(*b)), max_work=MAX_WORK)
    except numpy.exceptions.TooHardError:
        return True
