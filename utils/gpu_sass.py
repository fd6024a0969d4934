# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads machine code as nvdisasm prints it, and counts what one key tile of an attention kernel costs.

A key loop is an innermost loop with products on tensor cores (HMMA). What it costs is counted along one way through it:
the one that copies 16 bytes at a time where it can, around the loops that copy element by element.
"""

import dataclasses
import re

# Which unit executes an instruction, by its name without modifiers; what is not listed only takes its turn to issue.
# "fma": the multipliers and adders of f32, which also multiply integers. "alu": everything else on 32 bits.
UNITS = {
    "hmma": ("HMMA",),
    "mufu": ("MUFU",),
    "fma": ("FADD", "FMUL", "FFMA", "IMAD", "HADD2", "HMUL2", "HFMA2"),
    "alu": (
        "FMNMX",
        "FSEL",
        "FSETP",
        "F2FP",
        "SEL",
        "ISETP",
        "IADD3",
        "VIADD",
        "IMNMX",
        "VIMNMX",
        "LOP3",
        "LEA",
        "PRMT",
    )
    + ("SHF", "PLOP3", "MOV", "IABS", "FLO", "POPC", "VOTE", "R2P", "P2R"),
    "shuffle": ("SHFL",),
    "ldsm": ("LDSM",),
    "copy": ("LDGSTS",),
    "shared": ("LDS", "STS"),
    "global": ("LDG", "STG", "LD", "ST"),
    "local": ("LDL", "STL"),
}


@dataclasses.dataclass
class Instruction:
    name: str  # with its modifiers: "LDSM.16.M88.4"
    target: str  # the label that it may go to, or nothing
    is_conditional: bool

    @property
    def unit(self):
        first = self.name.split(".")[0]
        return next((unit for unit, names in UNITS.items() if first in names), None)


def read_kernel(text):
    """Instructions of the one function in nvdisasm's text, and the number of the first one after each label."""
    instructions, labels = [], {}
    for line in text.splitlines():
        if label := re.match(r"(\.L_\w+):", line):
            labels[label.group(1)] = len(instructions)
        match = re.match(r"\s+/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)\s*(.*?)\s*;", line)
        if match:
            target = re.search(r"`\((\.L_\w+)\)", match.group(3))
            name = match.group(2)
            is_branch = name.split(".")[0] == "BRA"
            # BRA.DIV leaves for code that meets again: taken by warps that came apart, which ours do not.
            goes = target.group(1) if target and is_branch and ".DIV" not in name else ""
            # A predicate may also stand among the operands, as in BRA.U !UP0.
            conditional = bool(match.group(1)) or (is_branch and bool(re.match(r"!?U?P\d", match.group(3))))
            instructions.append(Instruction(name, goes, conditional))
    return instructions, labels


def find_key_loops(instructions, labels):
    """(first, last) of each innermost loop with products on tensor cores, in order."""
    loops = []
    for last, instruction in enumerate(instructions):
        first = labels.get(instruction.target, last + 1)
        if first <= last and any(i.unit == "hmma" for i in instructions[first : last + 1]):
            loops.append((first, last))
    return [
        (first, last)
        for first, last in loops
        if not any(first <= f and z <= last and (f, z) != (first, last) for f, z in loops)
    ]


def find_way(instructions, labels, first, last):
    """Numbers of the instructions from `first` to `last` with the most copies, and of these ways the shortest."""
    inner = [
        (labels[instructions[i].target], i)
        for i in range(first, last)
        if instructions[i].target and first < labels[instructions[i].target] <= i
    ]
    unreachable = (-1, 0, None)
    # best[i]: copies, minus instructions, and the next one, from i to the end.
    best = {last: (0, -1, None)}
    for i in range(last - 1, first - 1, -1):
        instruction = instructions[i]
        after = [] if instruction.target and not instruction.is_conditional else [i + 1]
        if instruction.name.startswith("EXIT") and not instruction.is_conditional:
            after = []
        if instruction.target and i < labels[instruction.target] <= last:
            after.append(labels[instruction.target])
        is_inner = any(begin <= i <= end for begin, end in inner)
        options = [best[n] for n in after if n in best and best[n] != unreachable]
        if is_inner or not options:
            best[i] = unreachable
            continue
        copies, length, _ = max(options, key=lambda option: option[:2])
        following = next(n for n in after if n in best and best[n][:2] == (copies, length))
        best[i] = (copies + (instruction.unit == "copy"), length - 1, following)
    way, at = [], first
    while at is not None:
        way.append(at)
        at = best[at][2]
    return way if way[-1] == last else []


def count_tile(instructions, way):
    """What one tile costs a warp, in instructions."""
    units = [instructions[i].unit for i in way]
    names = [instructions[i].name for i in way]
    counts = {"issue": len(way)}
    counts |= {unit: units.count(unit) for unit in UNITS}
    # All copies and loads of fragments are as wide as they can be: 16 bytes a lane, four matrices.
    counts["copy_16_bytes"] = sum(name.startswith("LDGSTS") and ".128" in name for name in names)
    counts["ldsm_x4"] = sum(name.startswith("LDSM") and name.endswith(".4") for name in names)
    # What a mask of scores needs: a choice for each.
    counts["select"] = sum(name.startswith("FSEL") for name in names)
    return counts


def count_tiles(text):
    """count_tile() of each key loop of a kernel, in order: whole tiles come before those that a mask or tail cuts."""
    instructions, labels = read_kernel(text)
    loops = find_key_loops(instructions, labels)
    return [count_tile(instructions, find_way(instructions, labels, *loop)) for loop in loops]
