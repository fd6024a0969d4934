// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Runner/Specs.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace attn;

llvm::Expected<std::pair<std::string, std::string>> attn::parseAssignment(llvm::StringRef option,
                                                                          llvm::StringRef text) {
  auto [name, value] = text.split('=');
  if (name.empty() || value.empty())
    return llvm::createStringError("--" + option + ": expects NAME=VALUE, got '" + text + "'");
  return std::pair(name.str(), value.str());
}

llvm::Expected<std::vector<int64_t>> attn::parseSizes(llvm::StringRef text) {
  std::vector<int64_t> sizes;
  if (text == "scalar")
    return sizes;
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, 'x');
  for (llvm::StringRef part : parts) {
    int64_t size;
    if (part.getAsInteger(10, size))
      return llvm::createStringError("expects sizes as in 1x12x77x64, got '" + text + "'");
    sizes.push_back(size);
  }
  return sizes;
}

std::string attn::formatSizes(llvm::ArrayRef<int64_t> sizes) {
  if (sizes.empty())
    return "scalar";
  std::string text;
  for (int64_t size : sizes)
    text += (text.empty() ? "" : "x") + (mlir::ShapedType::isDynamic(size) ? "?" : std::to_string(size));
  return text;
}

llvm::Expected<double> attn::parseNumber(llvm::StringRef text) {
  auto special = llvm::StringSwitch<std::optional<double>>(text)
                     .Case("nan", NAN)
                     .Case("inf", INFINITY)
                     .Case("-inf", -INFINITY)
                     .Case("true", 1.0)
                     .Case("false", 0.0)
                     .Default(std::nullopt);
  if (special)
    return *special;
  double value;
  if (text.getAsDouble(value))
    return llvm::createStringError("expects a number, nan, inf, -inf, true or false, got '" + text + "'");
  return value;
}

llvm::Expected<ScalarValue> attn::parseScalar(llvm::StringRef text) {
  llvm::Expected<double> number = parseNumber(text);
  if (!number)
    return number.takeError();
  ScalarValue value{*number, std::nullopt};
  int64_t exact;
  if (!text.getAsInteger(10, exact))
    value.integer = exact;
  else if (std::trunc(*number) == *number && std::fabs(*number) < 0x1p63) // true, 1e6
    value.integer = static_cast<int64_t>(*number);
  return value;
}

static llvm::Expected<FillSpec::Range> parseRange(llvm::StringRef text) {
  FillSpec::Range range;
  auto [begin, end] = text.split(':');
  bool isPoint = !text.contains(':');
  bool bad = (!begin.empty() || isPoint) && begin.getAsInteger(10, range.begin);
  bad |= !end.empty() && end.getAsInteger(10, range.end);
  if (bad)
    return llvm::createStringError("expects ranges as in 3, 3:5, 3:, :5 or :, got '" + text + "'");
  if (isPoint)
    range.end = range.begin + 1;
  return range;
}

llvm::Expected<FillSpec> FillSpec::parse(llvm::StringRef text) {
  FillSpec spec;
  auto [value, ranges] = text.split('@');
  auto [low, high] = value.split("..");
  llvm::Expected<double> number = parseNumber(low);
  if (!number)
    return number.takeError();
  spec.low = *number;
  if (!high.empty()) {
    llvm::Expected<double> bound = parseNumber(high);
    if (!bound)
      return bound.takeError();
    spec.high = *bound;
  }
  llvm::SmallVector<llvm::StringRef> parts;
  ranges.split(parts, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef part : parts) {
    llvm::Expected<Range> range = parseRange(part);
    if (!range)
      return range.takeError();
    spec.ranges.push_back(*range);
  }
  return spec;
}

bool FillSpec::contains(llvm::ArrayRef<int64_t> index) const {
  for (auto [position, range] : llvm::zip_first(index.take_front(ranges.size()), ranges))
    if (position < range.begin || position >= range.end)
      return false;
  return true;
}
