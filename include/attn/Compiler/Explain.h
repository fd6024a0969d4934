// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The option --explain of tools, and those that go with it.
#ifndef ATTN_COMPILER_EXPLAIN_H
#define ATTN_COMPILER_EXPLAIN_H

#include "attn/Pipelines/Pipelines.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"

namespace attn {

/// Lives as long as the command line that it belongs to.
class ExplainOption {
public:
  explicit ExplainOption(llvm::cl::OptionCategory &category);

  /// The names of all options, which LLVM's libraries may have taken.
  static llvm::ArrayRef<llvm::StringRef> getNames();

  /// Whether anything is to be explained.
  explicit operator bool() const { return !topics.empty(); }

  /// What is to be explained, or why the options do not fit together.
  llvm::Expected<Explain> get() const;

private:
  enum class Topic { Mask, Plan, All };
  enum class Format { Text, Json };

  bool asks(Topic topic) const { return llvm::is_contained(topics, topic) || llvm::is_contained(topics, Topic::All); }

  llvm::cl::list<Topic> topics;
  llvm::cl::opt<Format> format;
  llvm::cl::opt<std::string> values, svg;
  llvm::cl::list<std::string> shapes, scalars;
};

} // namespace attn

#endif // ATTN_COMPILER_EXPLAIN_H
