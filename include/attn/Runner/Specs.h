// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the command line of attn-run says about arguments, parsed.
#ifndef ATTN_RUNNER_SPECS_H
#define ATTN_RUNNER_SPECS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attn {

/// "NAME=TEXT".
llvm::Expected<std::pair<std::string, std::string>> parseAssignment(llvm::StringRef option, llvm::StringRef text);

/// "1x12x77x64"; "scalar" is rank 0.
llvm::Expected<std::vector<int64_t>> parseSizes(llvm::StringRef text);

/// The text of sizes, as parseSizes() takes it, with "?" for those that are left open.
std::string formatSizes(llvm::ArrayRef<int64_t> sizes);

/// "1.5", "-7", "nan", "inf", "-inf", "true".
llvm::Expected<double> parseNumber(llvm::StringRef text);

/// The value of a scalar argument: a number, and the integer where it is one.
struct ScalarValue {
  double real = 0;
  std::optional<int64_t> integer;
};

/// As parseNumber(), with integers of 64 bits kept exactly.
llvm::Expected<ScalarValue> parseScalar(llvm::StringRef text);

/// "VALUE[@RANGE,RANGE,..]" with VALUE a number, or LOW..HIGH for uniform random numbers, and RANGE "a", "a:b", "a:",
/// ":b" or ":"; dimensions without a range are filled whole. Bounds beyond a size are cut to it.
struct FillSpec {
  double low = 0;
  /// Set for random numbers: from low up to and without high.
  std::optional<double> high;
  struct Range {
    int64_t begin = 0, end = INT64_MAX;
  };
  llvm::SmallVector<Range> ranges;

  bool contains(llvm::ArrayRef<int64_t> index) const;
  static llvm::Expected<FillSpec> parse(llvm::StringRef text);
};

} // namespace attn

#endif // ATTN_RUNNER_SPECS_H
