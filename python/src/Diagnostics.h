// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the compiler has to say, gathered so that Python can raise it.
#ifndef ATTN_PYTHON_DIAGNOSTICS_H
#define ATTN_PYTHON_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"

#include <exception>
#include <string>
#include <vector>

namespace attn::python {

/// One message and the place in the source that it speaks of. `line` and `column` count from 1; 0 means unknown.
struct Diagnostic {
  std::string severity; // "error", "warning", "remark" or "note"
  std::string message;
  std::string file;
  unsigned line = 0, column = 0;
  /// The line of the source, where it is at hand.
  std::string sourceLine;

  /// "file:3:8: error: message", with the line and a caret under its column where they are known.
  std::string toString() const;
};

/// Thrown when the compiler refuses; becomes attn_mlir.CompileError.
struct CompileFailure : std::exception {
  explicit CompileFailure(std::vector<Diagnostic> diagnostics) : diagnostics(std::move(diagnostics)) {}
  const char *what() const noexcept override { return "compilation failed"; }
  std::vector<Diagnostic> diagnostics;
};

/// Catches the diagnostics of a context for as long as it lives. A note follows the message that it belongs to.
class DiagnosticCollector {
public:
  /// Lines are quoted from `text`, which was parsed under the name `file`.
  DiagnosticCollector(mlir::MLIRContext *context, llvm::StringRef file, llvm::StringRef text);

  /// Adds an error that has no place in the source.
  void addError(const llvm::Twine &message);
  [[noreturn]] void raise() const { throw CompileFailure(diagnostics); }

private:
  void add(const mlir::Diagnostic &diagnostic);

  llvm::StringRef file, text;
  std::vector<Diagnostic> diagnostics;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace attn::python

#endif // ATTN_PYTHON_DIAGNOSTICS_H
