# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How far two f32 computations of one attention may lie apart: docs/Numerics.md, worst case, with its letters."""

import numpy

U = 2.0**-24  # unit round-off of f32
SMALLEST = 2.0**-126  # below it a weight or a product may become 0
EXP2 = 1.75e-7 / U  # error of exp2 in units of U
KEY_TILE = 64  # keys that share one rescaling
SCORE_ROUNDINGS = 4  # per added mask
CONVEX = 2.0  # of the largest value: two means of the same values are never farther apart


def rescalings(keys):
    return -(-keys // KEY_TILE) - 1


def c1(keys):
    """Units of U that do not depend on the scores, for this many kept keys."""
    return 2 * keys + 2 * rescalings(keys) + EXP2 * (1 + rescalings(keys)) + 2 * numpy.log(keys + 1) + 2


def c2(depth):
    """Units of U for each unit of max_j |scale| sum_d |q_d k_d|."""
    return depth + 2


class Rows:
    """The rows of one attention in float64, and the budget of one f32 computation of each.

    The worst case, which holds for any order of summation: words may repeat, and their roundings with them.
    """

    def __init__(self, query, key, value, bias, scale):
        query, key, value = (array.astype(numpy.float64) for array in (query, key, value))
        key_t = numpy.swapaxes(key, -1, -2)
        scores = scale * query @ key_t
        self._scores, self._magnitude = abs(scores), (abs(scale) * abs(query) @ abs(key_t)).max(-1)
        self._biased = scores if bias is None else scores + bias.astype(numpy.float64)
        self._shifted = self._biased - self._biased.max(-1, keepdims=True)
        exponentials = numpy.exp(self._shifted)
        self._sum = exponentials.sum(-1, keepdims=True)
        self.weights = exponentials / self._sum
        self._callback = 0 if bias is None else SCORE_ROUNDINGS
        self._largest = abs(value).max(-2, keepdims=True)
        self._keys, self._depth = key.shape[-2], query.shape[-1]
        # What adding the mask costs counts by weight: a mask of -3.4e38 beside words that are kept costs nothing.
        self._added = self._callback * (self.weights * (self._scores + abs(self._biased))).sum(-1)
        units = c1(self._keys) + c2(self._depth) * self._magnitude + 2 * self._added
        with numpy.errstate(over="ignore"):
            grown = numpy.expm1(units * U)
            self._relative = numpy.where(grown < 2 / 3, grown / (1 - numpy.minimum(grown, 2 / 3)), CONVEX)

    def tolerance(self):
        """For each element of out, [B, H, N, Dv]."""
        floor = self._keys * SMALLEST * (self._largest + 1)
        return self._relative[..., None] * self._largest + floor

    def undetermined(self):
        """[B, H, N], true where f32 cannot tell one mean of V from another.

        So it is where a large finite mask hides every key: -3.4e38 is added to every score, and what they were is lost.
        """
        return self._relative >= CONVEX

    def weights_tolerance(self):
        """For each weight, [B, H, N, M]; scores of single keys are what docs/Numerics.md calls c2' and s'."""
        total = numpy.log(self._sum)
        largest = self._biased.max(-1, keepdims=True)
        lse = largest + total
        units = EXP2 * (1 + rescalings(self._keys)) + self._keys + rescalings(self._keys)
        units += numpy.log(self._keys + 1) + 2 + 3 * abs(largest) + 3 * abs(lse - largest) + abs(lse)
        units = units + (c2(self._depth) * self._magnitude + self._added)[..., None]
        log_weights = self._shifted - total
        own = c2(self._depth) * self._magnitude[..., None] + EXP2 + 4 + 2 * abs(log_weights)
        own += self._callback * (self._magnitude[..., None] + abs(self._biased))
        with numpy.errstate(over="ignore", invalid="ignore"):
            allowed = self.weights * numpy.expm1(U * (own + units))
        # 0 * inf where the weight underflows, and a weight is between 0 and 1.
        return numpy.where(self.weights == 0, 0, numpy.minimum(allowed, 1)) + SMALLEST
