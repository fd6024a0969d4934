// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// MLIR's language server with our dialect and its documentation.
#ifndef ATTN_LANGUAGESERVER_LANGUAGESERVERMAIN_H
#define ATTN_LANGUAGESERVER_LANGUAGESERVERMAIN_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace attn {

/// The program attn-lsp-server: speaks the language server protocol over standard input and output about files in the
/// dialects of `registry`. Returns the exit status.
int languageServerMain(int argc, char **argv, mlir::DialectRegistry &registry);

/// Summary and description of an op such as "attn.sdpa", as Markdown; empty for an op that is not ours.
std::string getOpDocumentation(llvm::StringRef op);

/// `message` is the JSON of one message of the server. If it answers a hover over an op of ours, returns the message
/// with the op's documentation before the op's generic form, else the message as it is.
std::string addDocumentation(llvm::StringRef message);

} // namespace attn

#endif // ATTN_LANGUAGESERVER_LANGUAGESERVERMAIN_H
