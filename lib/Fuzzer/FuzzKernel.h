// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A random kernel: its text, and what a caller has to know to call it in random ways.
#ifndef ATTN_LIB_FUZZER_FUZZKERNEL_H
#define ATTN_LIB_FUZZER_FUZZKERNEL_H

#include "Choice.h"
#include "Refusals.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace attn {

/// The size of a dimension: the product of the sizes of some loops, times a constant.
struct Extent {
  std::vector<std::string> loops;
  int64_t factor = 1;
};

/// What an argument means, which says what values are worth passing.
enum class Role {
  Query,
  Key,
  Value,
  Packed,    ///< Q, K and V in one tensor
  Stored,    ///< integers that Q, K or V is made of
  Bias,      ///< added to scores
  Factor,    ///< multiplied with scores, slopes
  Sink,      ///< a logit without value
  Truth,     ///< i1, whether to keep
  Length,    ///< a number of keys
  RowSums,   ///< lengths of sequences, added up: rows
  KeySums,   ///< the same of keys
  AppendAt,  ///< where new rows go, one for each sequence
  Embedding, ///< rows that are projected
  Weight,    ///< of a projection
  Document,  ///< a small integer, compared with others
  Table,     ///< floats, read at computed positions
  Position,  ///< scalar: a width or an offset, in rows
  Number,    ///< scalar: a float near 1
  Flag,      ///< scalar: i1
};

struct FuzzArgument {
  std::string name;
  /// "f32", "i1", "index".
  std::string element;
  std::vector<Extent> extents;
  Role role = Role::Bias;

  bool isScalar() const { return role == Role::Position || role == Role::Number || role == Role::Flag; }
};

struct FuzzKernel {
  /// One function @kernel.
  std::string text;
  /// The same function in attn.generic, written without help of the compiler; empty where `text` is that already.
  std::string reference;
  std::vector<FuzzArgument> arguments;
  /// Size of each loop, -1 where each call chooses.
  std::map<std::string, int64_t> sizes;
  /// Whether scores are made of something else than products of Q and K.
  bool hasSimilarity = false;
  /// Whether keys are the query rows, i and j one size.
  bool hasOwnKeys = false;
  /// Multiply-adds of projections for each row.
  int64_t rowWork = 0;
  /// Rows that are appended to a cache; 0 where there is none.
  int64_t newRows = 0;
  /// Refusals that this kernel may meet; any other is a finding.
  std::vector<RefusalKind> expected;
};

/// A random kernel.
FuzzKernel makeKernel(uint64_t seed);

/// Parts of makeKernel(): each holds one such op, the third a step of decoding with attn.append_kv.
FuzzKernel makeAdditiveKernel(Choice &choice);
FuzzKernel makeMultiHeadKernel(Choice &choice);
FuzzKernel makeAppendKernel(Choice &choice);
FuzzKernel makeSdpaKernel(Choice &choice);
FuzzKernel makePackedKernel(Choice &choice);
FuzzKernel makeGenericKernel(Choice &choice);

/// A random call of `kernel`, in the words of attn-run's command line. On an emulated GPU it is a smaller one, and has
/// no threads.
std::vector<std::string> makeCall(const FuzzKernel &kernel, uint64_t seed, bool isEmulated);

/// `value`, or "?" for -1.
std::string printSize(int64_t size);
/// The static size, or -1.
int64_t getStaticSize(const Extent &extent, const std::map<std::string, int64_t> &sizes);
/// "tensor<?x4xf32>", or the element alone for scalars.
std::string printType(const FuzzArgument &argument, const std::map<std::string, int64_t> &sizes);

} // namespace attn

#endif // ATTN_LIB_FUZZER_FUZZKERNEL_H
