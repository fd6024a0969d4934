// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Runner/CallSettings.h"

#include "llvm/ADT/StringSwitch.h"

using namespace attn;

/// Parses `text` by `parse` and keeps it in `slot`.
template <typename Slot, typename Parse> static llvm::Error assign(Slot &slot, llvm::StringRef text, Parse parse) {
  auto value = parse(text);
  if (!value)
    return value.takeError();
  slot = std::move(*value);
  return llvm::Error::success();
}

static llvm::Error addFill(ArgumentSettings &settings, llvm::StringRef name, llvm::StringRef text) {
  llvm::Expected<FillSpec> spec = FillSpec::parse(text);
  if (!spec)
    return spec.takeError();
  settings.fills.emplace_back(name.str(), std::move(*spec));
  return llvm::Error::success();
}

llvm::Error attn::addArgumentOption(ArgumentSettings &settings, llvm::StringRef name, llvm::StringRef text) {
  auto assignment = parseAssignment(name, text);
  if (!assignment)
    return assignment.takeError();
  const auto &[argument, value] = *assignment;
  llvm::Error error = llvm::Error::success();
  if (name == "shape")
    error = llvm::joinErrors(std::move(error), assign(settings.shapes[argument], value, parseSizes));
  else if (name == "arg")
    error = llvm::joinErrors(std::move(error), assign(settings.scalars[argument], value, parseScalar));
  else if (name == "input")
    settings.inputs[argument] = value;
  else if (name == "output")
    settings.outputs[argument] = value;
  else
    error = llvm::joinErrors(std::move(error), addFill(settings, argument, value));
  if (!error)
    return llvm::Error::success();
  return llvm::createStringError("--" + name + "=" + text + ": " + llvm::toString(std::move(error)));
}

static llvm::Error addOption(CallSettings &settings, llvm::StringRef word) {
  llvm::StringRef rest = word;
  auto [name, text] = rest.consume_front("--") ? rest.split('=') : std::pair<llvm::StringRef, llvm::StringRef>();
  auto fail = [&](llvm::StringRef expected) { return llvm::createStringError("'" + word + "': expects " + expected); };
  if (llvm::is_contained({"shape", "arg", "input", "output", "fill"}, name))
    return addArgumentOption(settings.arguments, name, text);
  if (name == "seed")
    return text.getAsInteger(10, settings.arguments.seed) ? fail("a seed") : llvm::Error::success();
  if (name == "threads")
    return text.getAsInteger(10, settings.threads) || settings.threads < 1 || settings.threads > 1024
               ? fail("1 to 1024 threads")
               : llvm::Error::success();
  if (name == "strides") {
    auto placement = llvm::StringSwitch<std::optional<Placement>>(text)
                         .Case("dense", Placement::Dense)
                         .Case("guarded", Placement::Guarded)
                         .Case("padded", Placement::Padded)
                         .Case("permuted", Placement::Permuted)
                         .Case("broadcast", Placement::Broadcast)
                         .Default(std::nullopt);
    if (!placement)
      return fail("dense, guarded, padded, permuted or broadcast");
    settings.arguments.placement = *placement;
    return llvm::Error::success();
  }
  if (word != "--worst-case")
    return fail("--shape, --arg, --input, --output, --fill, --seed, --strides, --threads or --worst-case");
  settings.worstCase = true;
  return llvm::Error::success();
}

llvm::Expected<CallSettings> attn::parseCallSettings(llvm::ArrayRef<std::string> words) {
  CallSettings settings;
  for (const std::string &word : words)
    if (llvm::Error error = addOption(settings, word))
      return std::move(error);
  return settings;
}
