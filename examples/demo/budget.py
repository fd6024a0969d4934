# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How far two f32 computations of one attention may lie apart: docs/Numerics.md, worst case, with its letters."""

import numpy

U = 2.0**-24  # unit round-off of f32
SMALLEST = 2.0**-126  # below it a weight or a product may become 0
EXP2 = 1.75e-7 / U  # error of exp2 in units of U
KEY_TILE = 64  # keys that share one rescaling
SCORE_ROUNDINGS = 4  # per added mask


def c1(keys):
    """Units of U that do not depend on the scores, for this many kept keys."""
    rescalings = -(-keys // KEY_TILE) - 1
    return 2 * keys + 2 * rescalings + EXP2 * (1 + rescalings) + 2 * numpy.log(keys + 1) + 2


def c2(depth):
    """Units of U for each unit of max_j |scale| sum_d |q_d k_d|."""
    return depth + 2


def tolerance(query, key, value, bias, scale):
    """The budget of one computation for each element of out, [B, H, N, Dv], to first order.

    The worst case, which holds for any order of summation: words may repeat, and their roundings with them.
    """
    query, key, value = (array.astype(numpy.float64) for array in (query, key, value))
    key_t = numpy.swapaxes(key, -1, -2)
    scores = scale * query @ key_t
    magnitude = abs(scale) * abs(query) @ abs(key_t)
    biased = scores if bias is None else scores + bias.astype(numpy.float64)
    weights = numpy.exp(biased - biased.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    units = c1(key.shape[-2]) + c2(query.shape[-1]) * magnitude.max(-1)
    if bias is not None:
        units += 2 * SCORE_ROUNDINGS * (weights * (abs(scores) + abs(biased))).sum(-1)
    largest = abs(value).max(-2, keepdims=True)
    floor = key.shape[-2] * SMALLEST * (largest + 1)
    return units[..., None] * U * largest + floor
