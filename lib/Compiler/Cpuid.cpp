// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where each feature's bit stands: the CPUID chapters of the Intel and AMD instruction set manuals.
#include "Cpuid.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/IR/InlineAsm.h"

using namespace attn;

namespace {
/// The words in the order of CpuidWords.
enum Word { Xcr0, Leaf1Ecx, Leaf7Ebx, Leaf7Ecx, Leaf7Edx, Leaf7_1Eax, Leaf7_1Edx, ExtendedEcx };

struct Bit {
  Word word;
  unsigned bit;
};
} // namespace

static const llvm::StringMap<Bit> &getBits() {
  static const llvm::StringMap<Bit> bits = {{"sse3", {Leaf1Ecx, 0}},
                                            {"ssse3", {Leaf1Ecx, 9}},
                                            {"fma", {Leaf1Ecx, 12}},
                                            {"cx16", {Leaf1Ecx, 13}},
                                            {"sse4.1", {Leaf1Ecx, 19}},
                                            {"sse4.2", {Leaf1Ecx, 20}},
                                            {"movbe", {Leaf1Ecx, 22}},
                                            {"popcnt", {Leaf1Ecx, 23}},
                                            {"avx", {Leaf1Ecx, 28}},
                                            {"f16c", {Leaf1Ecx, 29}},
                                            {"bmi", {Leaf7Ebx, 3}},
                                            {"avx2", {Leaf7Ebx, 5}},
                                            {"bmi2", {Leaf7Ebx, 8}},
                                            {"avx512f", {Leaf7Ebx, 16}},
                                            {"avx512dq", {Leaf7Ebx, 17}},
                                            {"adx", {Leaf7Ebx, 19}},
                                            {"avx512ifma", {Leaf7Ebx, 21}},
                                            {"avx512cd", {Leaf7Ebx, 28}},
                                            {"avx512bw", {Leaf7Ebx, 30}},
                                            {"avx512vl", {Leaf7Ebx, 31}},
                                            {"avx512vbmi", {Leaf7Ecx, 1}},
                                            {"avx512vbmi2", {Leaf7Ecx, 6}},
                                            {"gfni", {Leaf7Ecx, 8}},
                                            {"avx512vnni", {Leaf7Ecx, 11}},
                                            {"avx512bitalg", {Leaf7Ecx, 12}},
                                            {"avx512vpopcntdq", {Leaf7Ecx, 14}},
                                            {"avx512fp16", {Leaf7Edx, 23}},
                                            {"avx512vp2intersect", {Leaf7Edx, 8}},
                                            {"avxvnni", {Leaf7_1Eax, 4}},
                                            {"avx512bf16", {Leaf7_1Eax, 5}},
                                            {"avxifma", {Leaf7_1Eax, 23}},
                                            {"avxvnniint8", {Leaf7_1Edx, 4}},
                                            {"avxneconvert", {Leaf7_1Edx, 5}},
                                            {"avxvnniint16", {Leaf7_1Edx, 10}},
                                            {"sahf", {ExtendedEcx, 0}},
                                            {"lzcnt", {ExtendedEcx, 5}},
                                            {"sse4a", {ExtendedEcx, 6}},
                                            {"sse-unaligned-mem", {ExtendedEcx, 7}},
                                            {"xop", {ExtendedEcx, 11}},
                                            {"fma4", {ExtendedEcx, 16}},
                                            {"tbm", {ExtendedEcx, 21}}};
  return bits;
}

llvm::Expected<CpuidWords> attn::getRequiredWords(const Target &target) {
  llvm::Expected<std::vector<std::string>> features = getCodeFeatures(target);
  if (!features)
    return features.takeError();
  CpuidWords words = {};
  for (llvm::StringRef feature : *features) {
    if (feature == "sse" || feature == "sse2") // every x86-64 has them
      continue;
    auto it = getBits().find(feature);
    if (it == getBits().end())
      return llvm::createStringError("--cpu: code for " + target.cpu.name + " may use " + feature +
                                     ", which a list of processors cannot be chosen by: compile for it alone");
    words[it->second.word] |= 1u << it->second.bit;
    // The system must save the upper halves (bits 1, 2), then masks and the other registers of AVX-512 (5, 6, 7).
    if (feature.starts_with("avx"))
      words[Xcr0] |= feature.starts_with("avx512") ? 0xE6 : 0x06;
  }
  return words;
}

/// eax, ebx, ecx and edx of one leaf, as the members of a struct.
static llvm::Value *emitCpuid(llvm::IRBuilder<> &b, llvm::Value *leaf, uint32_t subleaf) {
  llvm::Type *i32 = b.getInt32Ty();
  auto *results = llvm::StructType::get(i32, i32, i32, i32);
  auto *type = llvm::FunctionType::get(results, {i32, i32}, false);
  auto *code = llvm::InlineAsm::get(type, "cpuid", "={ax},={bx},={cx},={dx},0,2,~{dirflag},~{fpsr},~{flags}",
                                    /*hasSideEffects=*/false);
  return b.CreateCall(code, {leaf, b.getInt32(subleaf)});
}

/// The low word of extended control register 0, or 0 where there is none to ask (OSXSAVE, bit 27 of `leaf1Ecx`).
static llvm::Value *emitXgetbv(llvm::IRBuilder<> &b, llvm::Value *leaf1Ecx) {
  llvm::BasicBlock *before = b.GetInsertBlock();
  llvm::Function *function = before->getParent();
  auto *ask = llvm::BasicBlock::Create(b.getContext(), "xgetbv", function);
  auto *after = llvm::BasicBlock::Create(b.getContext(), "after_xgetbv", function);
  b.CreateCondBr(b.CreateIsNotNull(b.CreateAnd(leaf1Ecx, b.getInt32(1u << 27))), ask, after);

  b.SetInsertPoint(ask);
  auto *results = llvm::StructType::get(b.getInt32Ty(), b.getInt32Ty());
  auto *type = llvm::FunctionType::get(results, {b.getInt32Ty()}, false);
  auto *code = llvm::InlineAsm::get(type, "xgetbv", "={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}",
                                    /*hasSideEffects=*/true);
  llvm::Value *low = b.CreateExtractValue(b.CreateCall(code, {b.getInt32(0)}), 0);
  b.CreateBr(after);

  b.SetInsertPoint(after);
  llvm::PHINode *word = b.CreatePHI(b.getInt32Ty(), 2);
  word->addIncoming(b.getInt32(0), before);
  word->addIncoming(low, ask);
  return word;
}

std::array<llvm::Value *, kCpuidWords> attn::emitReadCpuid(llvm::IRBuilder<> &b) {
  llvm::Value *zero = b.getInt32(0);
  auto get = [&](llvm::Value *leaf, unsigned member) { return b.CreateExtractValue(leaf, member); };
  // A leaf beyond the last one answers with that of another: ask for it only where it is.
  auto emitLeaf = [&](llvm::Value *isThere, uint32_t leaf, uint32_t subleaf) {
    return emitCpuid(b, b.CreateSelect(isThere, b.getInt32(leaf), zero), subleaf);
  };
  auto getWhere = [&](llvm::Value *isThere, llvm::Value *leaf, unsigned member) {
    return b.CreateSelect(isThere, get(leaf, member), zero);
  };
  llvm::Value *last = get(emitCpuid(b, zero, 0), 0);
  llvm::Value *lastExtended = get(emitCpuid(b, b.getInt32(0x80000000), 0), 0);
  llvm::Value *leaf1 = emitCpuid(b, b.getInt32(1), 0);
  llvm::Value *has7 = b.CreateICmpUGE(last, b.getInt32(7));
  llvm::Value *leaf7 = emitLeaf(has7, 7, 0);
  llvm::Value *has7_1 = b.CreateICmpUGE(getWhere(has7, leaf7, 0), b.getInt32(1));
  llvm::Value *leaf7_1 = emitLeaf(has7_1, 7, 1);
  llvm::Value *hasExtended = b.CreateICmpUGE(lastExtended, b.getInt32(0x80000001));
  llvm::Value *extended = emitLeaf(hasExtended, 0x80000001, 0);

  std::array<llvm::Value *, kCpuidWords> words;
  words[Leaf1Ecx] = get(leaf1, 2);
  words[Leaf7Ebx] = getWhere(has7, leaf7, 1);
  words[Leaf7Ecx] = getWhere(has7, leaf7, 2);
  words[Leaf7Edx] = getWhere(has7, leaf7, 3);
  words[Leaf7_1Eax] = getWhere(has7_1, leaf7_1, 0);
  words[Leaf7_1Edx] = getWhere(has7_1, leaf7_1, 3);
  words[ExtendedEcx] = getWhere(hasExtended, extended, 2);
  words[Xcr0] = emitXgetbv(b, words[Leaf1Ecx]);
  return words;
}
