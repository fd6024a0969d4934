// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Compiler/GpuTarget.h"

#include "llvm/ADT/StringExtras.h"

using namespace attn;

namespace {
struct Chip {
  llvm::StringLiteral name;
  int64_t sharedBytes;
};
} // namespace

/// Shared memory that a block may ask for (CUDA C++ Programming Guide, "Technical Specifications per Compute
/// Capability": the maximum amount per thread block).
static constexpr Chip kChips[] = {
    {"sm_80", 163 * 1024}, {"sm_89", 99 * 1024}, {"sm_90", 227 * 1024}, {"sm_100", 227 * 1024}, {"sm_120", 99 * 1024}};

llvm::Expected<GPUDescription> attn::describeGPU(llvm::StringRef chip) {
  std::string names;
  for (const Chip &known : kChips) {
    if (known.name == chip)
      return GPUDescription{chip.str(), known.sharedBytes};
    names += (names.empty() ? "" : ", ") + known.name.str();
  }
  return llvm::createStringError("--chip: unknown '" + chip + "' (expected " + names + ")");
}

llvm::Expected<std::vector<GPUDescription>> attn::describeGPUs(llvm::ArrayRef<std::string> chips) {
  std::vector<GPUDescription> gpus;
  const std::string oldest(kDefaultChip);
  for (llvm::StringRef chip : chips.empty() ? llvm::ArrayRef(oldest) : chips) {
    llvm::Expected<GPUDescription> gpu = describeGPU(chip);
    if (!gpu)
      return gpu.takeError();
    if (llvm::is_contained(llvm::map_range(gpus, [](const GPUDescription &known) { return known.chip; }), gpu->chip))
      return llvm::createStringError("--chip: '" + chip + "' stands twice");
    gpus.push_back(std::move(*gpu));
  }
  return gpus;
}

static llvm::StringRef getName(TargetKind kind) {
  return kind == TargetKind::CPU ? "cpu" : kind == TargetKind::NVIDIA ? "nvidia" : "nvidia-emulated";
}

llvm::Expected<TargetKind> attn::parseTarget(llvm::StringRef name, llvm::ArrayRef<TargetKind> accepted) {
  for (TargetKind kind : accepted)
    if (getName(kind) == name)
      return kind;
  auto names = llvm::map_range(accepted, [](TargetKind kind) { return getName(kind).str(); });
  return llvm::createStringError("--target: unknown '" + name + "' (expected " + llvm::join(names, ", ") + ")");
}
