// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the .td files say about our ops, put into the hovers of MLIR's language server, which shows generic forms only.
#include "attn/LanguageServer/LanguageServerMain.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using llvm::StringRef;

/// docs/reference/AttentionDialect.md, as mlir-tblgen writes it from AttentionAll.td.
static constexpr llvm::StringLiteral kReference =
#include "AttentionDialect.inc"
    ;

std::string attn::getOpDocumentation(StringRef op) {
  std::string heading = llvm::formatv("\n### `{0}` (", op);
  StringRef section = kReference.split(heading).second.split("\n\n").second;
  // Up to the lists of traits and operands: the description has neither headings nor these words.
  for (StringRef end : {"\nTraits: ", "\nInterfaces: ", "\n#### ", "\n### ", "\n## "})
    section = section.take_front(section.find(end));
  auto [summary, body] = section.split("\n\nSyntax:\n\n```\n");
  StringRef description = body.split("\n```\n").second;
  return section.empty() ? "" : (summary.trim() + "\n\n" + description.trim()).str();
}

std::string attn::addDocumentation(StringRef message) {
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(message);
  if (!parsed) {
    llvm::consumeError(parsed.takeError()); // not for us to judge: the client receives what the server wrote
    return message.str();
  }
  llvm::json::Object *object = parsed->getAsObject();
  llvm::json::Object *result = object ? object->getObject("result") : nullptr;
  llvm::json::Object *contents = result ? result->getObject("contents") : nullptr;
  std::optional<StringRef> text = contents ? contents->getString("value") : std::nullopt;
  // The hover over an op begins with its name in quotes.
  if (!text || !text->consume_front("\""))
    return message.str();
  auto [op, form] = text->split("\"");
  std::string documentation = getOpDocumentation(op);
  if (documentation.empty())
    return message.str();
  std::string value = llvm::formatv("**{0}**: {1}{2}", op, documentation, form);
  (*contents)["value"] = std::move(value);
  return llvm::formatv("{0}", *parsed);
}
