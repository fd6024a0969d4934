// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Q, K or V made element by element of what is stored, as in caches of integers, norms and rotary positions.
#ifndef ATTN_LIB_FUZZER_PRODUCERWRITER_H
#define ATTN_LIB_FUZZER_PRODUCERWRITER_H

#include "RegionWriter.h"

namespace attn {

/// Writes one linalg.generic.
class ProducerWriter {
public:
  /// Of a tensor with a dimension for each of `loops` and this element type.
  ProducerWriter(Choice &choice, GenericDraft &draft, std::vector<std::string> loops, llvm::StringRef element)
      : choice(choice), draft(draft), loops(std::move(loops)), element(element) {}

  /// Makes `name` of the argument numbered `source`, whose element type and role may change, and of further arguments.
  /// Returns the ops.
  std::string write(size_t source, const std::string &name);

private:
  /// "affine_map<(j, d) -> (j)>"
  std::string printMap(const std::vector<std::string> &results) const;
  std::string op(const llvm::Twine &text);
  /// `value`, of type `from`, as f32, and back.
  std::string widen(const std::string &value, llvm::StringRef from);
  std::string narrow(const std::string &value);
  /// The element half of the last dimension further on, as rotary positions read it.
  std::string extractPartner(size_t source);

  Choice &choice;
  GenericDraft &draft;
  std::vector<std::string> loops;
  std::string element, body;
  int numValues = 0;
};

} // namespace attn

#endif // ATTN_LIB_FUZZER_PRODUCERWRITER_H
