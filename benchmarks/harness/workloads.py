# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Workloads by name and family: shapes, masks and what they cost, read from benchmarks/workloads.json."""

import dataclasses
import json
import pathlib

import numpy as np

from harness import Problem

FILE = pathlib.Path(__file__).resolve().parents[1] / "workloads.json"
ITEM_BYTES = {"f32": 4, "bf16": 2, "f16": 2}


@dataclasses.dataclass(frozen=True)
class Workload:
    """One attention forward. Letters as everywhere in the project; causal is aligned to the bottom right."""

    name: str
    family: str
    B: int
    H: int
    Hkv: int
    N: int
    M: int
    D: int
    Dv: int
    model: str = ""
    phase: str = ""
    dtype: str = "f32"
    layout: str = ""  # bnhd or bhnd; empty: each contender takes the one it likes best
    causal: bool = False
    window: int = 0  # key j is visible to row i if j > i + M - N - window; 0: all of them
    documents: int = 0  # packed documents of unequal lengths, each sees itself only; 0: none
    padding: bool = False  # each batch has a length of its own, in keys
    bias: bool = False  # a tensor [1,H,N,M] is added to the scores
    alibi: bool = False
    softcap: float = 0.0
    scale: float = 0.0  # 0: 1/sqrt(D)
    sink: bool = False  # one learnt score per head takes part in the normalisation
    similarity: str = "dot"  # or additive: sum_d w[d] * tanh(q[d] + k[d])
    cold: bool = False  # K and V come from memory, not from a cache
    note: str = ""  # what of the model's own attention this row leaves out

    @property
    def scale_factor(self):
        return self.scale or (1.0 if self.similarity == "additive" else self.D**-0.5)

    @property
    def is_dense(self):
        return not (self.causal or self.window or self.documents or self.padding)

    def lengths(self):
        """Keys of each batch: between half and all of them, the first batch has all."""
        step = np.linspace(1.0, 0.5, self.B) if self.padding else np.ones(self.B)
        return np.maximum(1, (step * self.M).astype(np.int64))

    def document_of(self):
        """Number of the document of each key; the documents grow longer."""
        weights = np.arange(1, self.documents + 1)
        ends = np.cumsum(weights) * self.M // weights.sum()
        return np.searchsorted(ends, np.arange(self.M), side="right").astype(np.int32)

    def keep(self, batch, rows):
        """[rows, M], true where a row of this batch sees a key."""
        ahead = self.M - self.N
        i, j = np.asarray(rows)[:, None] + ahead, np.arange(self.M)[None, :]
        keep = np.ones((len(rows), self.M), bool)
        if self.causal:
            keep &= j <= i
        if self.window:
            keep &= j > i - self.window
        if self.documents:
            of = self.document_of()
            keep &= of[i] == of[j]
        if self.padding:
            keep &= j < self.lengths()[batch]
        return keep

    def count_pairs(self):
        """Visible pairs of a row and a key, over all batches."""
        if self.is_dense:
            return self.B * self.N * self.M
        batches = range(self.B) if self.padding else [0]
        count = sum(
            int(self.keep(b, np.arange(first, min(first + 512, self.N))).sum())
            for b in batches
            for first in range(0, self.N, 512)
        )
        return count if self.padding else count * self.B

    @property
    def flops(self):
        """Useful operations: masked pairs count nothing, whoever computes them. A multiply-add is two."""
        return 2 * self.H * self.count_pairs() * (self.D + self.Dv)

    @property
    def bytes(self):
        """Q, K, V and out once, and the bias."""
        item = ITEM_BYTES[self.dtype]
        rows = self.B * self.N * self.H * (self.D + self.Dv)
        keys = self.B * self.M * self.Hkv * (self.D + self.Dv)
        return item * (rows + keys + (self.H * self.N * self.M if self.bias else 0))

    def describe(self):
        heads = f"{self.H}" if self.H == self.Hkv else f"{self.H}/{self.Hkv}"
        size = f"{self.D}" if self.D == self.Dv else f"{self.D}/{self.Dv}"
        text = f"{self.dtype} B={self.B} H={heads} N={self.N} M={self.M} D={size}"
        extras = [
            (self.layout, self.layout),
            (self.causal, "causal"),
            (self.window, f"window {self.window}"),
            (self.documents, f"{self.documents} documents"),
            (self.padding, "key padding"),
            (self.bias, "bias"),
            (self.alibi, "ALiBi"),
            (self.softcap, f"softcap {self.softcap:g}"),
            (self.sink, "sink"),
            (self.similarity != "dot", self.similarity),
            (self.cold, "cold"),
        ]
        return ", ".join([text] + [word for there, word in extras if there])


@dataclasses.dataclass(frozen=True)
class Ask:
    """What the project asks of a row, in per cent; the kinds are worded in bench.py --help."""

    workload: str
    threads: int
    share: float = 0.0  # of the measured peak
    points_of: str = ""  # at most `points` below the share of this workload
    points: float = 0.0
    scaling: float = 0.0  # of the share that one thread reaches
    tile_of: str = ""  # a visited tile takes at most `tile` more time than one of this workload
    tile: float = 0.0


def make_workload(fields, dtype=""):
    """A workload from a JSON object, with Hkv = H, M = N and Dv = D where they are left out."""
    fields = dict(fields)
    fields.setdefault("Hkv", fields["H"])
    fields.setdefault("M", fields["N"])
    fields.setdefault("Dv", fields["D"])
    if dtype:
        fields["dtype"] = dtype
    return Workload(**fields)


def load(dtype=""):
    """All workloads by name, and what is asked of some."""
    data = json.loads(FILE.read_text())
    workloads = {fields["name"]: make_workload(fields, dtype) for fields in data["workloads"]}
    return workloads, [Ask(**fields) for fields in data["asked"]]


def select(workloads, names):
    """Those whose name or family is among `names`; without names those of real models."""
    if not names:
        return [w for w in workloads.values() if w.family not in ("ground", "sweep", "growth", "tiles")]
    families = {w.family for w in workloads.values()}
    for name in names:
        if name not in workloads and name not in families:
            raise Problem(
                f"--workloads: unknown '{name}' (families: {', '.join(sorted(families))}; --list prints all names)"
            )
    return [w for w in workloads.values() if w.name in names or w.family in names]
