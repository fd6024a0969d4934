// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Compiler/Tool.h"

#include "attn/Support/Version.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace attn;

int attn::reportError(StringRef tool, const Twine &message) {
  llvm::errs() << tool << ": error: " << message << '\n';
  return 1;
}

LogicalResult attn::writeFile(StringRef tool, StringRef path, StringRef contents) {
  llvm::Error error = llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
    os << contents;
    return llvm::Error::success();
  });
  if (!error)
    return success();
  reportError(tool, path + ": " + llvm::toString(std::move(error)));
  return failure();
}

void attn::releaseOptionNames(ArrayRef<StringRef> names) {
  auto &options = llvm::cl::getRegisteredOptions();
  for (StringRef name : names)
    if (llvm::cl::Option *option = options.lookup(name))
      option->removeArgument();
}

StageOption::StageOption(StringRef name, StringRef description, Stage initial, llvm::cl::OptionCategory &category)
    : opt(name, llvm::cl::desc(description),
          llvm::cl::values(clEnumValN(Stage::Import, "import", "attention ops as they were written or raised"),
                           clEnumValN(Stage::Normalize, "normalize", "named ops are attn.generic"),
                           clEnumValN(Stage::Plan, "plan", "each op carries its plan"),
                           clEnumValN(Stage::Tile, "tile", "loops over tiles"),
                           clEnumValN(Stage::Linalg, "linalg", "no attention op is left"),
                           clEnumValN(Stage::Target, "target", "the llvm dialect")),
          llvm::cl::init(initial), llvm::cl::cat(category)) {}

void attn::parseCommandLine(int argc, char **argv, StringRef tool, llvm::cl::OptionCategory &category,
                            StringRef overview) {
  std::string name = tool.str();
  llvm::cl::SetVersionPrinter([name](llvm::raw_ostream &os) {
    os << name << ' ' << getVersion() << " (LLVM " << LLVM_VERSION_STRING << ")\n";
  });
  llvm::cl::HideUnrelatedOptions(category);
  llvm::cl::ParseCommandLineOptions(argc, argv, overview);
}

LogicalResult Input::parse(StringRef tool, StringRef path) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(path, &message);
  if (!buffer) {
    reportError(tool, message);
    return failure();
  }
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  diagnostics = std::make_unique<SourceMgrDiagnosticHandler>(sources, &context);
  module = parseSourceFile<ModuleOp>(sources, &context);
  return success(static_cast<bool>(module));
}
