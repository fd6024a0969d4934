// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Support/Npy.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstring>
#include <optional>

using namespace attn;

static constexpr llvm::StringLiteral kMagic("\x93NUMPY");
/// The data begins at a multiple of this, so that files can be mapped.
static constexpr size_t kHeaderAlignment = 64;

/// The product of sizes, or nothing if it or its bytes leave 63 bits.
static std::optional<int64_t> countElements(llvm::ArrayRef<int64_t> sizes, int64_t bytesPerElement) {
  // An empty dimension makes the tensor empty however large the others are.
  if (llvm::is_contained(sizes, 0))
    return 0;
  int64_t count = 1, bytes;
  for (int64_t size : sizes)
    if (llvm::MulOverflow(count, size, count))
      return std::nullopt;
  if (llvm::MulOverflow(count, bytesPerElement, bytes))
    return std::nullopt;
  return count;
}

int64_t NpyArray::getNumElements() const { return countElements(sizes, 1).value_or(0); }

namespace {
/// The header: a Python dictionary of literals. Only the three known keys and the literals they take are understood.
class HeaderParser {
public:
  explicit HeaderParser(llvm::StringRef text) : rest(text) {}

  llvm::Error parse() {
    if (!consume("{"))
      return fail("'{'");
    while (!consume("}")) {
      std::optional<llvm::StringRef> key = parseString();
      if (!key || !consume(":"))
        return fail("a key and ':'");
      if (llvm::Error error = parseValue(*key))
        return error;
      if (consume(","))
        continue;
      if (consume("}"))
        break;
      return fail("',' or '}'");
    }
    if (!rest.trim().empty())
      return fail("nothing after the dictionary");
    if (!descr || !fortran || !shape)
      return llvm::createStringError("header lacks 'descr', 'fortran_order' or 'shape'");
    return llvm::Error::success();
  }

  std::optional<llvm::StringRef> descr;
  std::optional<bool> fortran;
  std::optional<std::vector<int64_t>> shape;

private:
  llvm::Error parseValue(llvm::StringRef key) {
    if (key == "descr") {
      descr = parseString();
      return descr ? llvm::Error::success() : fail("a type as a string (records are not supported)");
    }
    if (key == "fortran_order") {
      if (consume("True"))
        fortran = true;
      else if (consume("False"))
        fortran = false;
      return fortran ? llvm::Error::success() : fail("True or False");
    }
    if (key == "shape")
      return parseShape();
    return fail("'descr', 'fortran_order' or 'shape' as key");
  }

  llvm::Error parseShape() {
    if (!consume("("))
      return fail("'('");
    std::vector<int64_t> sizes;
    while (!consume(")")) {
      uint64_t size;
      rest = rest.ltrim();
      if (rest.consumeInteger(10, size) || size > static_cast<uint64_t>(INT64_MAX))
        return fail("a size");
      sizes.push_back(static_cast<int64_t>(size));
      if (consume(","))
        continue;
      if (consume(")"))
        break;
      return fail("',' or ')'");
    }
    shape = std::move(sizes);
    return llvm::Error::success();
  }

  std::optional<llvm::StringRef> parseString() {
    rest = rest.ltrim();
    if (rest.empty() || (rest.front() != '\'' && rest.front() != '"'))
      return std::nullopt;
    size_t end = rest.find(rest.front(), 1);
    if (end == llvm::StringRef::npos)
      return std::nullopt;
    llvm::StringRef text = rest.slice(1, end);
    rest = rest.drop_front(end + 1);
    return text;
  }

  bool consume(llvm::StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }

  llvm::Error fail(llvm::StringRef expected) {
    return llvm::createStringError("malformed header: expects " + expected + ", got '" +
                                   printable(rest.take_front(16)) + "'");
  }

  static std::string printable(llvm::StringRef text) {
    std::string result;
    for (char c : text)
      result += llvm::isPrint(c) ? c : '?';
    return result;
  }

  llvm::StringRef rest;
};
} // namespace

static llvm::Expected<ElementType> parseType(llvm::StringRef descr) {
  llvm::StringRef type = descr;
  bool isBigEndian = type.consume_front(">");
  // "=" is the byte order of the machine that wrote the file, "|" that of types of one byte.
  if (!isBigEndian && !type.consume_front("<") && !type.consume_front("|"))
    type.consume_front("=");
  auto element = llvm::StringSwitch<std::optional<ElementType>>(type)
                     .Case("b1", ElementType::I1)
                     .Case("u1", ElementType::U8)
                     .Case("i1", ElementType::I8)
                     .Case("i2", ElementType::I16)
                     .Case("i4", ElementType::I32)
                     .Case("i8", ElementType::I64)
                     .Case("f2", ElementType::F16)
                     .Case("f4", ElementType::F32)
                     .Case("f8", ElementType::F64)
                     .Default(std::nullopt);
  if (!element || (isBigEndian && getByteSize(*element) > 1))
    return llvm::createStringError("cannot read elements of type '" + descr +
                                   "' (expected |b1, |u1, |i1, <i2, <i4, <i8, <f2, <f4 or <f8)");
  return *element;
}

llvm::Expected<NpyArray> attn::parseNpy(llvm::StringRef bytes) {
  if (!bytes.consume_front(kMagic))
    return llvm::createStringError("is no .npy file");
  if (bytes.size() < 4)
    return llvm::createStringError("is truncated in its header");
  unsigned major = static_cast<uint8_t>(bytes[0]), minor = static_cast<uint8_t>(bytes[1]);
  if (major < 1 || major > 3 || minor != 0)
    return llvm::createStringError("has format version " + llvm::Twine(major) + "." + llvm::Twine(minor) +
                                   " (expected 1.0, 2.0 or 3.0)");
  bytes = bytes.drop_front(2);
  size_t lengthBytes = major == 1 ? 2 : 4;
  if (bytes.size() < lengthBytes)
    return llvm::createStringError("is truncated in its header");
  size_t headerBytes =
      major == 1 ? llvm::support::endian::read16le(bytes.data()) : llvm::support::endian::read32le(bytes.data());
  bytes = bytes.drop_front(lengthBytes);
  if (bytes.size() < headerBytes)
    return llvm::createStringError("is truncated in its header");
  HeaderParser header(bytes.take_front(headerBytes));
  bytes = bytes.drop_front(headerBytes);
  if (llvm::Error error = header.parse())
    return std::move(error);

  NpyArray array;
  llvm::Expected<ElementType> type = parseType(*header.descr);
  if (!type)
    return type.takeError();
  array.type = *type;
  array.sizes = *header.shape;
  std::optional<int64_t> count = countElements(array.sizes, getByteSize(array.type));
  if (!count)
    return llvm::createStringError("states more elements than memory can hold");
  // Both orders are the same for empty tensors and where at most one dimension is larger than 1.
  if (*header.fortran && *count > 0 && llvm::count_if(array.sizes, [](int64_t size) { return size > 1; }) > 1)
    return llvm::createStringError("is in Fortran order (save numpy.ascontiguousarray of it)");
  size_t dataBytes = *count * getByteSize(array.type);
  if (bytes.size() != dataBytes)
    return llvm::createStringError((bytes.size() < dataBytes ? "is truncated: has " : "has trailing bytes: has ") +
                                   llvm::Twine(bytes.size()) + " bytes of data where its shape needs " +
                                   llvm::Twine(dataBytes));
  array.data = bytes.str();
  if (array.type == ElementType::I1)
    for (char &value : array.data)
      value = value != 0;
  return array;
}

llvm::Expected<NpyArray> attn::readNpy(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(path + ": " + buffer.getError().message());
  llvm::Expected<NpyArray> array = parseNpy((*buffer)->getBuffer());
  if (!array)
    return llvm::createStringError(path + ": " + llvm::toString(array.takeError()));
  return array;
}

static llvm::StringRef getDescr(ElementType type) {
  switch (type) {
  case ElementType::F32:
  case ElementType::BF16: // written as f32
    return "<f4";
  case ElementType::F64:
    return "<f8";
  case ElementType::F16:
    return "<f2";
  case ElementType::I1:
    return "|b1";
  case ElementType::U8:
    return "|u1";
  case ElementType::I8:
    return "|i1";
  case ElementType::I16:
    return "<i2";
  case ElementType::I32:
    return "<i4";
  case ElementType::I64:
    return "<i8";
  }
  llvm_unreachable("covered switch");
}

std::string attn::printNpy(const NpyArray &array) {
  std::string header;
  llvm::raw_string_ostream os(header);
  os << "{'descr': '" << getDescr(array.type) << "', 'fortran_order': False, 'shape': (";
  llvm::interleave(array.sizes, os, ", ");
  os << (array.sizes.size() == 1 ? ",), }" : "), }");
  // The header ends in a line break and fills up to the alignment. Version 1.0 counts its length in 16 bits.
  bool isLong = header.size() + kHeaderAlignment > UINT16_MAX;
  size_t prefix = kMagic.size() + 2 + (isLong ? 4 : 2);
  header.append(llvm::alignTo(prefix + header.size() + 1, kHeaderAlignment) - prefix - header.size() - 1, ' ');
  header += '\n';

  std::string bytes = kMagic.str();
  bytes += isLong ? '\2' : '\1';
  bytes += '\0';
  uint32_t length = header.size();
  for (size_t i = 0, e = isLong ? 4 : 2; i < e; ++i)
    bytes += static_cast<char>(length >> (8 * i));
  bytes += header;
  if (array.type != ElementType::BF16)
    return bytes + array.data;
  for (size_t at = 0; at + 2 <= array.data.size(); at += 2) {
    char wide[4];
    storeElement(ElementType::F32, wide, loadElement(ElementType::BF16, array.data.data() + at));
    bytes.append(wide, 4);
  }
  return bytes;
}
