// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// MLIR's server is one function between standard input and output. It has no hook for what a hover says, so its
// output goes through a pipe of ours, in this process, on the way to standard output.
#include "attn/LanguageServer/LanguageServerMain.h"

#include "mlir/Support/LLVM.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <thread>
#include <unistd.h>

using namespace attn;
using llvm::StringRef;

/// Reads the header of a message up to its empty line. Returns the length of the message, nothing at the end.
static std::optional<size_t> readHeader(std::FILE *in) {
  std::optional<size_t> length;
  char line[256];
  while (std::fgets(line, sizeof(line), in)) {
    StringRef header = StringRef(line).trim();
    if (header.empty())
      return length;
    size_t value;
    if (header.consume_front("Content-Length: ") && !header.getAsInteger(10, value))
      length = value;
  }
  return std::nullopt;
}

/// Copies messages from `in` to `out`, with documentation, until `in` ends.
static void relay(std::FILE *in, llvm::raw_ostream &out) {
  while (std::optional<size_t> length = readHeader(in)) {
    std::string message(*length, '\0');
    if (std::fread(message.data(), 1, message.size(), in) != message.size())
      return;
    message = addDocumentation(message);
    out << "Content-Length: " << message.size() << "\r\n\r\n" << message;
    out.flush();
  }
}

int attn::languageServerMain(int argc, char **argv, mlir::DialectRegistry &registry) {
  // Other than --help, which is no message, nothing may write to standard output by itself.
  bool speaks = llvm::none_of(llvm::ArrayRef(argv + 1, argc - 1), [](const char *argument) {
    StringRef name = StringRef(argument).ltrim('-');
    return name.starts_with("help") || name == "h" || name == "version";
  });
  if (!speaks)
    return failed(mlir::MlirLspServerMain(argc, argv, registry));

  int ends[2], client = dup(STDOUT_FILENO);
  if (client < 0 || pipe(ends) != 0 || dup2(ends[1], STDOUT_FILENO) < 0) {
    std::perror("attn-lsp-server: error: cannot redirect standard output");
    return 1;
  }
  close(ends[1]);
  std::FILE *in = fdopen(ends[0], "r");
  llvm::raw_fd_ostream out(client, /*shouldClose=*/true);
  std::thread relaying(relay, in, std::ref(out));
  bool bad = failed(mlir::MlirLspServerMain(argc, argv, registry));
  llvm::outs().flush();
  // The last writing end of the pipe: closing it ends the relay.
  dup2(client, STDOUT_FILENO);
  relaying.join();
  std::fclose(in);
  return bad;
}
