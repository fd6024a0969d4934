# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How fast an attention kernel can be on a chip, from what its machine code does for one key tile.

Each unit of a multiprocessor needs so many cycles for the instructions of all warps of a block; the slowest decides
what many warps could reach together (`bound`). One warp alone waits for its units one after the other; with n warps in
each quarter of a multiprocessor the time is at least a warp's own, divided by n. The smaller of both is the estimate.
Launch, the first and last tiles, memory and clocks that power holds down are left out: it is an upper limit.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Chip:
    product: str
    multiprocessors: int
    gigahertz: float
    tensor_flops: float  # a cycle and multiprocessor, f16 with sums of f32, by mma.sync
    fma_lanes: int  # f32 lanes of a multiprocessor
    shared_bytes: int  # of a multiprocessor
    registers: int = 65536
    alu_lanes: int = 64
    mufu_lanes: int = 16
    bank_bytes: int = 128  # of shared memory, a cycle


# Numbers of multiprocessors, clocks and peaks are those of NVIDIA's data sheets: the peak in f16 with sums of f32 is
# multiprocessors x gigahertz x tensor_flops. Lanes are "Arithmetic Instructions" of the CUDA C++ Programming Guide.
# H100: mma.sync reaches about 62 % of the peak, which only wgmma does (Luo et al. 2024, arXiv:2402.13499).
# On sm_100 mma.sync is taken to be as fast as on sm_90: we know of no measurement.
CHIPS = {
    "sm_80": Chip("A100 SXM", 108, 1.41, 2048, 64, 164 * 1024),
    "sm_89": Chip("L40S", 142, 2.52, 1024, 128, 100 * 1024),
    "sm_90": Chip("H100 SXM", 132, 1.83, 0.62 * 4096, 128, 228 * 1024),
    "sm_100": Chip("B200", 148, 1.85, 0.62 * 4096, 128, 228 * 1024),
    "sm_120": Chip("RTX 5090", 170, 2.41, 512, 128, 100 * 1024),
}
RESERVED_SHARED_BYTES = 1024  # of each block, for the system
MOST_WARPS = 48


@dataclasses.dataclass
class Kernel:
    """Sizes of a kernel whose tile costs `counts` (gpu_sass.count_tile) a warp."""

    rows: int
    keys: int
    head_size: int
    value_size: int
    warps: int
    registers: int
    shared_bytes: int


def count_blocks(chip, kernel):
    """Blocks that a multiprocessor holds at a time."""
    registers = -(-kernel.registers // 8) * 8 * 32 * kernel.warps
    shared = kernel.shared_bytes + RESERVED_SHARED_BYTES
    return min(chip.registers // registers, chip.shared_bytes // shared, MOST_WARPS // kernel.warps)


def count_cycles(chip, counts):
    """Cycles that one tile of one warp keeps each unit of a multiprocessor busy."""
    lanes = 32
    return {
        "tensor": counts["hmma"] * 2 * 16 * 8 * 16 / chip.tensor_flops,
        "exp": counts["mufu"] * lanes / chip.mufu_lanes,
        "fma": counts["fma"] * lanes / chip.fma_lanes,
        "alu": counts["alu"] * lanes / chip.alu_lanes,
        # 16 bytes a lane in copies and loads of fragments; what is narrower is counted as if it were 4.
        "shared": (counts["copy"] + counts["ldsm"]) * lanes * 16 / chip.bank_bytes
        + (counts["shared"] + counts["shuffle"]) * lanes * 4 / chip.bank_bytes,
        "issue": counts["issue"] / 4,
    }


def predict(chip, kernel, counts):
    """{"tflops": estimate, "bound": what units allow, "unit": the slowest, "blocks": of a multiprocessor}"""
    cycles = count_cycles(chip, counts)
    unit = max(cycles, key=cycles.get)
    flops = 2 * kernel.rows * kernel.keys * (kernel.head_size + kernel.value_size) / kernel.warps
    rate = chip.multiprocessors * chip.gigahertz * 1e-3 * flops
    blocks = count_blocks(chip, kernel)
    # A quarter of a multiprocessor has a quarter of each unit, but for shared memory.
    alone = sum(4 * c for name, c in cycles.items() if name not in ("shared", "issue")) + cycles["shared"]
    slowest = max(cycles[unit], alone / max(1, blocks * kernel.warps))
    return {
        "tflops": round(rate / slowest),
        "bound": round(rate / cycles[unit]),
        "unit": unit,
        "blocks": blocks,
    }
