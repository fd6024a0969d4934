// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What options of attn-run say about one call of a kernel, for all who make calls by these words.
#ifndef ATTN_RUNNER_CALLSETTINGS_H
#define ATTN_RUNNER_CALLSETTINGS_H

#include "attn/Runner/Arguments.h"

namespace attn {

/// One call: its arguments, on how many threads, and how it is judged.
struct CallSettings {
  ArgumentSettings arguments;
  int threads = 1;
  /// Inputs are not random, so roundings may all go one way.
  bool worstCase = false;
};

/// Takes one option about arguments: `name` is "shape", "arg", "input", "output" or "fill", `text` is "NAME=VALUE".
llvm::Error addArgumentOption(ArgumentSettings &settings, llvm::StringRef name, llvm::StringRef text);

/// Reads a call from words as they stand on the command line of attn-run: those of addArgumentOption(), "--seed=",
/// "--strides=", "--threads=" and "--worst-case". Fails on any other word.
llvm::Expected<CallSettings> parseCallSettings(llvm::ArrayRef<std::string> words);

} // namespace attn

#endif // ATTN_RUNNER_CALLSETTINGS_H
