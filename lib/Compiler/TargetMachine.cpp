// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Compiler/TargetMachine.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"

#include <mutex>

using namespace attn;

static llvm::Triple getTriple() { return llvm::Triple("x86_64-unknown-linux-gnu"); }

static llvm::Expected<const llvm::Target *> findTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // the question which processor this is (Cpuid.h) is inline assembly
  });
  std::string error;
  if (const llvm::Target *target = llvm::TargetRegistry::lookupTarget(getTriple(), error))
    return target;
  return llvm::createStringError("this LLVM has no x86-64 code generator: " + error);
}

/// "+avx2,-avx512f": every feature that the host's cpuid is asked for, so that a feature that a hypervisor hides is
/// off.
static std::string getHostFeatures() {
  std::vector<std::string> features;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    features.push_back((feature.second ? "+" : "-") + feature.first().str());
  llvm::sort(features);
  return llvm::join(features, ",");
}

static llvm::Error makeUnknownCpuError(llvm::StringRef cpu) {
  llvm::SmallVector<llvm::StringRef> names;
  llvm::X86::fillValidCPUArchList(names, /*Only64Bit=*/true);
  llvm::sort(names);
  return llvm::createStringError("--cpu: unknown '" + cpu + "' (expected native, " + llvm::join(names, ", ") + ")");
}

/// What LLVM knows of the features of `target`.
static llvm::Expected<std::unique_ptr<llvm::MCSubtargetInfo>> createSubtarget(const Target &target) {
  llvm::Expected<const llvm::Target *> llvmTarget = findTarget();
  if (!llvmTarget)
    return llvmTarget.takeError();
  return std::unique_ptr<llvm::MCSubtargetInfo>(
      (*llvmTarget)->createMCSubtargetInfo(getTriple(), target.cpu.name, target.features));
}

/// Processors of AVX512-BF16 that take two cycles for a vector of its products, where they begin two multiply-adds of
/// f32 in one: a half of f32's rate. Measured on Emerald Rapids, 89 GF/s beside 179, and attention of bf16 (1024 x
/// 1024, D = 64) at 80 GF/s in pairs beside 137 in f32; LLVM's model has the same figures for all of them. Elsewhere
/// (Zen 4, Cooper Lake) pairs double the rate.
static bool hasSlowBf16Dot(llvm::StringRef cpu) {
  return llvm::is_contained({"sapphirerapids", "emeraldrapids", "graniterapids", "graniterapids-d"}, cpu);
}

llvm::Expected<Target> attn::describeTarget(llvm::StringRef cpu) {
  Target description;
  if (cpu == "native") {
    if (llvm::Triple(llvm::sys::getProcessTriple()).getArch() != llvm::Triple::x86_64)
      return llvm::createStringError("--cpu=native: this machine is no x86-64, name a processor");
    description.cpu.name = llvm::sys::getHostCPUName();
    description.features = getHostFeatures();
  } else {
    if (llvm::X86::parseArchX86(cpu, /*Only64Bit=*/true) == llvm::X86::CK_None)
      return makeUnknownCpuError(cpu);
    description.cpu.name = cpu;
  }
  auto subtarget = createSubtarget(description);
  if (!subtarget)
    return subtarget.takeError();
  auto has = [&](llvm::StringRef feature) { return (*subtarget)->checkFeatures(("+" + feature).str()); };
  if (has("avx512f")) {
    description.cpu.vectorBits = 512;
    description.cpu.vectorRegisters = 32;
  } else {
    description.cpu.vectorBits = has("avx") ? 256 : 128;
    description.cpu.vectorRegisters = 16;
  }
  description.cpu.hasFma = has("fma");
  description.cpu.hasF16c = has("f16c") || has("avx512f");
  description.cpu.hasBf16Dot = has("avx512bf16") && !hasSlowBf16Dot(description.cpu.name);
  return description;
}

/// Features whose instructions a code generator chooses by itself. Others, such as mwaitx, are for systems; hypervisors
/// often hide them, and code for such a processor runs all the same.
static bool isUsedByCode(llvm::StringRef feature) {
  for (llvm::StringRef prefix : {"adx", "avx", "bmi", "cx16", "f16c", "fma", "gfni", "lzcnt", "movbe", "popcnt", "sahf",
                                 "sse", "ssse", "tbm", "xop"})
    if (feature.starts_with(prefix))
      return true;
  return false;
}

llvm::Expected<std::vector<std::string>> attn::getCodeFeatures(const Target &target) {
  auto subtarget = createSubtarget(target);
  if (!subtarget)
    return subtarget.takeError();
  std::vector<std::string> features;
  for (const llvm::SubtargetFeatureKV &feature : (*subtarget)->getAllProcessorFeatures())
    if (isUsedByCode(feature.Key) && (*subtarget)->checkFeatures(std::string("+") + feature.Key))
      features.push_back(feature.Key);
  return features;
}

llvm::Expected<std::vector<Target>> attn::describeTargets(llvm::ArrayRef<std::string> cpus) {
  if (cpus.empty())
    return describeTargets({std::string("native")});
  std::vector<Target> targets;
  llvm::StringSet<> names;
  for (llvm::StringRef cpu : cpus) {
    if (!names.insert(cpu).second)
      return llvm::createStringError("--cpu: '" + cpu + "' stands twice in the list");
    llvm::Expected<Target> target = describeTarget(cpu);
    if (!target)
      return target.takeError();
    targets.push_back(std::move(*target));
  }
  return targets;
}

llvm::Error attn::checkRunsHere(const Target &target) {
  auto subtarget = createSubtarget(target);
  if (!subtarget)
    return subtarget.takeError();
  std::string missing;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (!feature.second && isUsedByCode(feature.first()) && (*subtarget)->checkFeatures(("+" + feature.first()).str()))
      missing += (missing.empty() ? "" : ", ") + feature.first().str();
  if (missing.empty())
    return llvm::Error::success();
  return llvm::createStringError("--cpu: this machine cannot run code for " + target.cpu.name + ", it lacks " +
                                 missing);
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> attn::createTargetMachine(const Target &target,
                                                                               unsigned optLevel) {
  llvm::Expected<const llvm::Target *> llvmTarget = findTarget();
  if (!llvmTarget)
    return llvmTarget.takeError();
  llvm::TargetOptions options;
  // One section a function: the linker can drop kernels that a program does not call.
  options.FunctionSections = true;
  options.DataSections = true;
  auto level = static_cast<llvm::CodeGenOptLevel>(optLevel);
  std::unique_ptr<llvm::TargetMachine> machine((*llvmTarget)
                                                   ->createTargetMachine(getTriple(), target.cpu.name, target.features,
                                                                         options, llvm::Reloc::PIC_,
                                                                         llvm::CodeModel::Small, level));
  if (!machine)
    return llvm::createStringError("cannot create a code generator for " + target.cpu.name);
  return machine;
}
