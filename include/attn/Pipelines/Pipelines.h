// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The way down, stage by stage. Each arrow of docs/Architecture.md is one function here; no stage calls another.
#ifndef ATTN_PIPELINES_PIPELINES_H
#define ATTN_PIPELINES_PIPELINES_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mlir {
class OpPassManager;
} // namespace mlir
namespace llvm {
class raw_ostream;
} // namespace llvm

namespace attn {

/// What a module holds after a stage; the contracts are those of attn-verify-stage.
enum class Stage { Import, Normalize, Plan, Tile, Linalg, Target };

/// What the CPU stages need to know of a machine.
struct CPUDescription {
  /// Width of a vector register, in bits: 128, 256 or 512.
  int64_t vectorBits = 256;
  /// Vector registers the instruction set names.
  int64_t vectorRegisters = 16;
  /// Whether a multiply-add is one instruction.
  bool hasFma = true;
  /// Whether it converts between f16 and f32.
  bool hasF16c = true;
  /// Whether one instruction multiplies pairs of bf16 and adds the products in f32 (AVX512-BF16), faster than it would
  /// be done in f32.
  bool hasBf16Dot = false;
  /// Name of the instruction set, for the description of a kernel.
  std::string name;
};

/// What the GPU stages need to know of a chip.
struct GPUDescription {
  /// "sm_90"; empty where the target is no GPU.
  std::string chip;
  /// Shared memory that a block may have, in bytes.
  int64_t sharedBytes = 0;
};

/// Named ops become attn.generic; sizes that must agree are asserted.
void buildNormalizeStage(mlir::OpPassManager &pm);

/// Each attn.generic receives its #attn.plan; later stages take no decision.
void buildPlanStage(mlir::OpPassManager &pm, const CPUDescription &cpu);

void buildPlanStage(mlir::OpPassManager &pm, const GPUDescription &gpu);

/// attn.generic becomes a parallel loop over row tiles and loops over key tiles.
void buildTileStage(mlir::OpPassManager &pm);

/// Tile ops become linalg on tensors, arguments become views.
void buildLinalgStage(mlir::OpPassManager &pm);

/// As the linalg stage for a GPU: tile ops become tiles of a block's threads, arguments become views.
void buildFragmentStage(mlir::OpPassManager &pm);

/// From tiles of a block's threads to kernels in the nvvm dialect, and what the host needs to start them.
void buildNVIDIATargetStage(mlir::OpPassManager &pm, const GPUDescription &gpu);

/// From linalg on tensors to task functions of vector code, then to the llvm dialect with its C entry points.
void buildTargetStage(mlir::OpPassManager &pm, const CPUDescription &cpu);

/// All stages after `from` up to and with `to`, with attn-verify-stage after each and, unless it is Import, after
/// `from`.
void buildCPUPipeline(mlir::OpPassManager &pm, Stage from, Stage to, const CPUDescription &cpu);

/// As buildCPUPipeline(), for a GPU.
void buildGPUPipeline(mlir::OpPassManager &pm, Stage from, Stage to, const GPUDescription &gpu);

/// What --explain asks for.
struct Explain {
  bool mask = false, plan = false;
  /// One line of JSON for each op instead of text.
  bool json = false;
  /// Numbers for symbols of a mask: "N=300,M=500,c0=16". They go before those that follow from shapes and scalars.
  std::string values;
  /// File for the pictures of masks; empty: none.
  std::string svg;
  /// Sizes and integer arguments, for the picture of a mask and the costs of a plan: "q=1x12x77x64", "window=256".
  std::vector<std::string> shapes, scalars;
};

/// Prints to `os`, which outlives `pm`, what was understood of and decided for the module as the plan stage leaves it,
/// without changing it. `cpu` is what the plans were made for.
void addExplanation(mlir::OpPassManager &pm, const Explain &what, const CPUDescription &cpu, llvm::raw_ostream &os);

} // namespace attn

#endif // ATTN_PIPELINES_PIPELINES_H
