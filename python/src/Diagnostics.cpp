// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Diagnostics.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace attn::python;

std::string attn::python::Diagnostic::toString() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (!file.empty())
    os << file << ':';
  if (line != 0)
    os << line << ':' << column << ':';
  os << (file.empty() ? "" : " ");
  os << severity << ": " << message;
  if (!sourceLine.empty()) {
    os << '\n' << sourceLine << '\n';
    // A tab stays a tab, so that the caret stands under its column however wide tabs are.
    for (char c : StringRef(sourceLine).take_front(column - 1))
      os << (c == '\t' ? '\t' : ' ');
    os << '^';
  }
  return text;
}

static const char *getName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Remark:
    return "remark";
  case DiagnosticSeverity::Note:
    return "note";
  }
  llvm_unreachable("covered switch");
}

/// Line number `line`, counted from 1, or nothing.
static StringRef getLine(StringRef text, unsigned line) {
  for (unsigned i = 1; i < line; ++i)
    text = text.split('\n').second;
  return text.split('\n').first;
}

DiagnosticCollector::DiagnosticCollector(MLIRContext *context, StringRef file, StringRef text)
    : file(file), text(text), handler(context, [this](mlir::Diagnostic &diagnostic) { add(diagnostic); }) {}

void DiagnosticCollector::addError(const Twine &message) {
  diagnostics.emplace_back();
  diagnostics.back().severity = "error";
  diagnostics.back().message = message.str();
}

void DiagnosticCollector::add(const mlir::Diagnostic &diagnostic) {
  attn::python::Diagnostic copy;
  copy.severity = getName(diagnostic.getSeverity());
  copy.message = diagnostic.str();
  // Locations of later stages are fused or nested; the first place in a file is where the user wrote it.
  if (auto place = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>()) {
    copy.file = place.getFilename().str();
    copy.line = place.getLine();
    copy.column = place.getColumn();
    if (copy.file == file && copy.column > 0)
      copy.sourceLine = getLine(text, copy.line).str();
  }
  diagnostics.push_back(std::move(copy));
  for (const mlir::Diagnostic &note : diagnostic.getNotes())
    add(note);
}
