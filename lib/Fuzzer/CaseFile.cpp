// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CaseFile.h"

#include "attn/Compiler/GpuTarget.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace attn;

static constexpr llvm::StringLiteral kRun("// RUN: attn-run %s --compare");
static constexpr llvm::StringLiteral kTarget("--target=nvidia-emulated"), kChip("--chip=");

static llvm::Error write(const llvm::Twine &path, const std::string &contents) {
  return llvm::writeToOutput(path.str(), [&](llvm::raw_ostream &os) {
    os << contents;
    return llvm::Error::success();
  });
}

/// "seed7-case12.reference.mlir" beside "seed7-case12.mlir".
static std::string getReferencePath(llvm::StringRef path) {
  path.consume_back(".mlir");
  return (path + ".reference.mlir").str();
}

llvm::Expected<std::string> attn::writeCase(llvm::StringRef directory, llvm::StringRef name, const CaseFile &file,
                                            llvm::StringRef remarks) {
  if (std::error_code error = llvm::sys::fs::create_directories(directory))
    return llvm::createStringError(directory + ": " + error.message());
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, name + ".mlir");
  std::string text = "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n";
  llvm::SmallVector<llvm::StringRef> lines;
  remarks.split(lines, '\n');
  for (llvm::StringRef line : lines)
    text += ("// " + line.substr(0, 600) + "\n").str();
  std::string reference = file.input.reference.empty() ? "" : (" --reference=%S/" + name + ".reference.mlir").str();
  std::string target = file.chip.empty() ? "" : (" " + kTarget + " " + kChip + file.chip).str();
  for (const std::vector<std::string> &call : file.calls)
    text += kRun.str() + target + reference + " " + llvm::join(call, " ") + "\n";
  if (llvm::Error error = write(path, text + file.input.text))
    return std::move(error);
  if (!file.input.reference.empty())
    if (llvm::Error error =
            write(getReferencePath(path), "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n// What " +
                                              name.str() + ".mlir means.\n" + file.input.reference))
      return std::move(error);
  return path.str().str();
}

static llvm::Expected<std::string> readText(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return llvm::createStringError(path + ": " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

llvm::Expected<CaseFile> attn::readCase(llvm::StringRef path, llvm::StringRef callsOf) {
  CaseFile file;
  llvm::Expected<std::string> text = readText(path), calls = readText(callsOf.empty() ? path : callsOf);
  if (llvm::Error error = llvm::joinErrors(text.takeError(), calls.takeError()))
    return std::move(error);
  file.input.text = *text;
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(*calls).split(lines, '\n');
  bool hasReference = false;
  for (llvm::StringRef line : lines) {
    if (!line.consume_front(kRun))
      continue;
    llvm::SmallVector<llvm::StringRef> words;
    line.split(words, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
    std::vector<std::string> call;
    for (llvm::StringRef word : words) {
      if (word.starts_with("--reference="))
        hasReference = true;
      else if (word == kTarget)
        file.chip = file.chip.empty() ? kDefaultChip.str() : file.chip;
      else if (word.consume_front(kChip))
        file.chip = word.str();
      else
        call.push_back(word.str());
    }
    file.calls.push_back(std::move(call));
  }
  if (file.calls.empty())
    return llvm::createStringError(path + ": expects lines that begin with '" + kRun + "'");
  // What is left of a reduced kernel has another meaning.
  if (hasReference && callsOf.empty()) {
    llvm::Expected<std::string> reference = readText(getReferencePath(path));
    if (!reference)
      return reference.takeError();
    file.input.reference = std::move(*reference);
  }
  return file;
}

llvm::Expected<std::string> attn::reduceCase(llvm::StringRef path, llvm::StringRef words, llvm::StringRef programs) {
  llvm::StringRef stem = path;
  stem.consume_back(".mlir");
  std::string script = (stem + ".sh").str(), reduced = (stem + ".reduced.mlir").str();
  llvm::SmallString<128> fuzz(programs), reduce(programs), absolute(path);
  llvm::sys::path::append(fuzz, "attn-fuzz");
  llvm::sys::path::append(reduce, "attn-reduce");
  if (std::error_code error = llvm::sys::fs::make_absolute(absolute))
    return llvm::errorCodeToError(error);
  std::string text = "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n"
                     "# Interesting (status 1) while attn-fuzz finds the same.\n! '" +
                     fuzz.str().str() + "' \"$1\" --calls-of='" + absolute.str().str() + "' | grep -qF '" +
                     words.str() + "'\n";
  if (llvm::Error error = write(script, text))
    return std::move(error);
  llvm::sys::fs::setPermissions(script, llvm::sys::fs::perms::all_exe | llvm::sys::fs::perms::owner_read |
                                            llvm::sys::fs::perms::owner_write);
  llvm::SmallString<128> absoluteScript(script);
  if (std::error_code error = llvm::sys::fs::make_absolute(absoluteScript))
    return llvm::errorCodeToError(error);
  std::string option = ("-reduction-tree=traversal-mode=0 test=" + absoluteScript).str(), message;
  int status = llvm::sys::ExecuteAndWait(reduce, {reduce, path, option, "-o", reduced}, std::nullopt,
                                         {std::nullopt, "", ""}, /*SecondsToWait=*/300, 0, &message);
  if (status != 0)
    return llvm::createStringError("attn-reduce finds nothing smaller" + (message.empty() ? "" : ": " + message));
  return reduced;
}
