// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random regions of attn.generic, written as text. What they need from outside, operands and captures, is added to the
// kernel on the way.
#ifndef ATTN_LIB_FUZZER_REGIONWRITER_H
#define ATTN_LIB_FUZZER_REGIONWRITER_H

#include "FuzzKernel.h"

#include "llvm/ADT/Twine.h"

namespace attn {

/// A tensor that a region sees one element of, or a capture.
struct RegionOperand {
  /// Index into FuzzKernel::arguments.
  size_t argument;
  /// Loops of its dimensions; of captures empty.
  std::vector<std::string> loops;
};

/// An attn.generic on its way to text.
struct GenericDraft {
  FuzzKernel kernel;
  /// By number, as in indexing maps.
  std::vector<std::string> loops;
  std::vector<std::string> batch, row;
  /// "f32" or "f64".
  std::string accumulator = "f32";
  std::vector<RegionOperand> similarity, score, mask, captures;

  /// Adds an argument and returns its index. Names are made of `stem` and a number.
  size_t addArgument(llvm::StringRef stem, llvm::StringRef element, std::vector<Extent> extents, Role role);
};

/// Writes one region.
class RegionWriter {
public:
  /// Element operands of the region are added to `operands`, a member of `draft`.
  RegionWriter(Choice &choice, GenericDraft &draft, std::vector<RegionOperand> &operands, llvm::StringRef prefix)
      : choice(choice), draft(draft), operands(operands), prefix(prefix) {}

  /// A condition on positions, operands and captures, an i1. `depth` bounds how far it nests.
  std::string writeCondition(int depth);
  /// A score made of `score`.
  std::string writeScore(std::string score);
  /// A term of the sum over d, made of q and k.
  std::string writeSimilarity(const std::string &q, const std::string &k);

  /// The block: arguments, of which `leading` ("%s: f32") come first, body and the yield of `result`.
  std::string print(llvm::StringRef leading, llvm::StringRef result, llvm::StringRef resultType) const;

private:
  std::string op(const llvm::Twine &text);
  std::string constant(int64_t value, llvm::StringRef type = "index");
  std::string real(double value);
  std::string position(llvm::StringRef loop);
  std::string compare(llvm::StringRef predicate, const std::string &left, const std::string &right,
                      llvm::StringRef type = "index");
  std::string both(const std::string &left, const std::string &right);

  /// A new element operand over `loops`, in a random order of dimensions.
  std::string operand(llvm::StringRef stem, llvm::StringRef element, std::vector<std::string> loops, Role role);
  /// A captured argument, a new one or one of this kind that is there already.
  std::string capture(llvm::StringRef stem, llvm::StringRef element, std::vector<Extent> extents, Role role);
  std::string width() { return capture("w", "index", {}, Role::Position); }
  /// A width: captured or constant.
  std::string anyWidth();
  /// Batch, row and key loops, each with probability one half; never none of them.
  std::vector<std::string> someLoops(bool withKey);
  /// A float operand, converted to the accumulator's type.
  std::string floatOperand(llvm::StringRef stem, std::vector<std::string> loops, Role role);
  /// key - row as a float.
  std::string distance();

  std::string writeIndex(int depth);
  std::string writeComparison(int depth);
  std::string writeKnownMask();
  std::string writeOperandMask();

  Choice &choice;
  GenericDraft &draft;
  std::vector<RegionOperand> &operands;
  std::string prefix, body;
  int numValues = 0;
};

} // namespace attn

#endif // ATTN_LIB_FUZZER_REGIONWRITER_H
