// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Support/ElementType.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APInt.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace attn;

namespace {
struct Traits {
  ElementType type;
  llvm::StringRef name, viewSuffix, cType;
  int64_t byteSize;
};
} // namespace

static constexpr Traits kTraits[] = {
    {ElementType::F32, "f32", "f32", "float", 4},    {ElementType::F64, "f64", "f64", "double", 8},
    {ElementType::F16, "f16", "f16", "uint16_t", 2}, {ElementType::BF16, "bf16", "bf16", "uint16_t", 2},
    {ElementType::I1, "i1", "u8", "uint8_t", 1},     {ElementType::U8, "ui8", "u8", "uint8_t", 1},
    {ElementType::I8, "i8", "i8", "int8_t", 1},      {ElementType::I16, "i16", "i16", "int16_t", 2},
    {ElementType::I32, "i32", "i32", "int32_t", 4},  {ElementType::I64, "i64", "i64", "int64_t", 8},
};

static const Traits &getTraits(ElementType type) {
  const Traits &traits = kTraits[static_cast<unsigned>(type)];
  assert(traits.type == type && "kTraits is not in the order of the enum");
  return traits;
}

int64_t attn::getByteSize(ElementType type) { return getTraits(type).byteSize; }
llvm::StringRef attn::getName(ElementType type) { return getTraits(type).name; }
llvm::StringRef attn::getViewSuffix(ElementType type) { return getTraits(type).viewSuffix; }
llvm::StringRef attn::getCType(ElementType type) { return getTraits(type).cType; }

bool attn::isFloat(ElementType type) {
  return type == ElementType::F32 || type == ElementType::F64 || type == ElementType::F16 || type == ElementType::BF16;
}

std::optional<ElementType> attn::getElementType(mlir::Type type) {
  if (type.isF32())
    return ElementType::F32;
  if (type.isF64())
    return ElementType::F64;
  if (type.isF16())
    return ElementType::F16;
  if (type.isBF16())
    return ElementType::BF16;
  if (type.isIndex())
    return ElementType::I64;
  auto integer = llvm::dyn_cast<mlir::IntegerType>(type);
  if (!integer)
    return std::nullopt;
  if (integer.isUnsigned())
    return integer.getWidth() == 8 ? std::optional(ElementType::U8) : std::nullopt;
  switch (integer.getWidth()) {
  case 1:
    return ElementType::I1;
  case 8:
    return ElementType::I8;
  case 16:
    return ElementType::I16;
  case 32:
    return ElementType::I32;
  case 64:
    return ElementType::I64;
  default:
    return std::nullopt;
  }
}

template <typename T> static T load(const void *data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

static double widen(const llvm::fltSemantics &semantics, uint16_t bits) {
  llvm::APFloat value(semantics, llvm::APInt(16, bits));
  bool losesInfo;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return value.convertToDouble();
}

static uint16_t narrow(const llvm::fltSemantics &semantics, double value) {
  llvm::APFloat result(value);
  bool losesInfo;
  result.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return static_cast<uint16_t>(result.bitcastToAPInt().getZExtValue());
}

double attn::loadElement(ElementType type, const void *data) {
  switch (type) {
  case ElementType::F32:
    return load<float>(data);
  case ElementType::F64:
    return load<double>(data);
  case ElementType::F16:
    return widen(llvm::APFloat::IEEEhalf(), load<uint16_t>(data));
  case ElementType::BF16:
    return widen(llvm::APFloat::BFloat(), load<uint16_t>(data));
  case ElementType::I1:
  case ElementType::U8:
    return load<uint8_t>(data);
  case ElementType::I8:
    return load<int8_t>(data);
  case ElementType::I16:
    return load<int16_t>(data);
  case ElementType::I32:
    return load<int32_t>(data);
  case ElementType::I64:
    return static_cast<double>(load<int64_t>(data));
  }
  llvm_unreachable("covered switch");
}

template <typename T> static void store(void *data, T value) { std::memcpy(data, &value, sizeof(T)); }

template <typename T> static T saturate(double value) {
  if (std::isnan(value))
    return 0;
  // The limits of int64_t are not doubles; 2^63 compares right all the same.
  double low = static_cast<double>(std::numeric_limits<T>::min());
  double high = static_cast<double>(std::numeric_limits<T>::max());
  if (value <= low)
    return std::numeric_limits<T>::min();
  if (value >= high)
    return std::numeric_limits<T>::max();
  return static_cast<T>(std::nearbyint(value));
}

void attn::storeElement(ElementType type, void *data, double value) {
  switch (type) {
  case ElementType::F32:
    return store(data, static_cast<float>(value));
  case ElementType::F64:
    return store(data, value);
  case ElementType::F16:
    return store(data, narrow(llvm::APFloat::IEEEhalf(), value));
  case ElementType::BF16:
    return store(data, narrow(llvm::APFloat::BFloat(), value));
  case ElementType::I1:
    return store(data, static_cast<uint8_t>(value != 0));
  case ElementType::U8:
    return store(data, saturate<uint8_t>(value));
  case ElementType::I8:
    return store(data, saturate<int8_t>(value));
  case ElementType::I16:
    return store(data, saturate<int16_t>(value));
  case ElementType::I32:
    return store(data, saturate<int32_t>(value));
  case ElementType::I64:
    return store(data, saturate<int64_t>(value));
  }
}
