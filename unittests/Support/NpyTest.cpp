// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Support/Npy.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn;

/// A file of version `major` with this header and data.
static std::string makeFile(unsigned major, std::string header, std::string data) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(major);
  bytes += '\0';
  header += '\n';
  for (unsigned i = 0; i < (major == 1 ? 2 : 4); ++i)
    bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + data;
}

static std::string getError(llvm::StringRef bytes) {
  llvm::Expected<NpyArray> array = parseNpy(bytes);
  return array ? "" : llvm::toString(array.takeError());
}

TEST(Npy, RoundTripsEveryType) {
  for (ElementType type : {ElementType::F32, ElementType::F64, ElementType::F16, ElementType::I1, ElementType::U8,
                           ElementType::I8, ElementType::I16, ElementType::I32, ElementType::I64}) {
    NpyArray array{type, {2, 3}, std::string(6 * getByteSize(type), '\0')};
    for (int i = 0; i < 6; ++i)
      storeElement(type, array.data.data() + i * getByteSize(type), i);
    std::string bytes = printNpy(array);
    EXPECT_EQ((bytes.size() - array.data.size()) % 64, 0u);
    llvm::Expected<NpyArray> read = parseNpy(bytes);
    ASSERT_TRUE(static_cast<bool>(read));
    EXPECT_EQ(read->type, type);
    EXPECT_EQ(read->sizes, array.sizes);
    EXPECT_EQ(read->data, array.data);
  }
}

TEST(Npy, WritesBf16AsF32) {
  NpyArray array{ElementType::BF16, {2}, std::string(4, '\0')};
  storeElement(ElementType::BF16, array.data.data() + 2, -1.5);
  llvm::Expected<NpyArray> read = parseNpy(printNpy(array));
  ASSERT_TRUE(static_cast<bool>(read));
  EXPECT_EQ(read->type, ElementType::F32);
  EXPECT_EQ(loadElement(ElementType::F32, read->data.data() + 4), -1.5);
}

TEST(Npy, ReadsWhatNumpyMayWrite) {
  for (unsigned major : {1, 2, 3}) {
    llvm::Expected<NpyArray> vector =
        parseNpy(makeFile(major, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }   ", std::string(8, '\0')));
    ASSERT_TRUE(static_cast<bool>(vector));
    EXPECT_EQ(vector->sizes, (std::vector<int64_t>{2}));
  }
  // Another order of keys, other quotes, a scalar, an empty tensor.
  for (const char *header : {"{\"shape\":(),\"fortran_order\":True,\"descr\":\"|u1\"}"})
    EXPECT_EQ(getError(makeFile(1, header, "x")), "");
  EXPECT_EQ(getError(makeFile(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (3, 0, 5), }", "")), "");
  EXPECT_EQ(getError(makeFile(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2), }", std::string(16, 'a'))),
            "");
}

TEST(Npy, RefusesWhatItCannotRead) {
  auto with = [](const char *descr, const char *fortran, const char *shape, std::string data) {
    return getError(makeFile(
        1, std::string("{'descr': ") + descr + ", 'fortran_order': " + fortran + ", 'shape': " + shape + "}", data));
  };
  EXPECT_EQ(getError(""), "is no .npy file");
  EXPECT_EQ(getError("PK\3\4"), "is no .npy file");
  EXPECT_EQ(getError(llvm::StringRef("\x93NUMPY\x09\0\0\0", 10)), "has format version 9.0 (expected 1.0, 2.0 or 3.0)");
  EXPECT_EQ(with("'<f4'", "False", "(2, 2)", std::string(15, 'x')),
            "is truncated: has 15 bytes of data where its shape needs 16");
  EXPECT_EQ(with("'<f4'", "False", "(2, 2)", std::string(17, 'x')),
            "has trailing bytes: has 17 bytes of data where its shape needs 16");
  EXPECT_EQ(with("'>f4'", "False", "(1,)", "xxxx"),
            "cannot read elements of type '>f4' (expected |b1, |u1, |i1, <i2, <i4, <i8, <f2, <f4 or <f8)");
  EXPECT_EQ(with("'<f4'", "True", "(2, 2)", std::string(16, 'x')),
            "is in Fortran order (save numpy.ascontiguousarray of it)");
  EXPECT_EQ(with("'<f4'", "False", "(4294967296, 4294967296)", ""), "states more elements than memory can hold");
  EXPECT_EQ(with("'<f4'", "False", "(-1,)", ""), "malformed header: expects a size, got '-1,)}?'");
  EXPECT_EQ(with("[('a', '<f4')]", "False", "(1,)", "xxxx"),
            "malformed header: expects a type as a string (records are not supported), got '[('a', '<f4')], '");
  EXPECT_EQ(with("'<f4'", "maybe", "(1,)", "xxxx"), "malformed header: expects True or False, got 'maybe, 'shape': '");
  EXPECT_EQ(getError(makeFile(1, "{'descr': '<f4'}", "")), "header lacks 'descr', 'fortran_order' or 'shape'");
}

TEST(Npy, NeverCrashesOnTruncatedOrDamagedFiles) {
  std::string bytes = printNpy({ElementType::F32, {3, 2}, std::string(24, 'a')});
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_NE(getError(llvm::StringRef(bytes).take_front(length)), "");
  for (size_t at = 0; at < bytes.size() - 24; ++at)
    for (char value : {'\0', '(', '\'', '9', '\xff'}) {
      std::string damaged = bytes;
      damaged[at] = value;
      getError(damaged); // may be valid: must return
    }
}

TEST(Npy, NamesTheFile) {
  llvm::Expected<NpyArray> array = readNpy("no/such/file.npy");
  ASSERT_FALSE(static_cast<bool>(array));
  EXPECT_EQ(llvm::toString(array.takeError()), "no/such/file.npy: No such file or directory");
}

TEST(ElementType, RoundsAndSaturates) {
  uint8_t bytes[8];
  auto through = [&](ElementType type, double value) {
    storeElement(type, bytes, value);
    return loadElement(type, bytes);
  };
  EXPECT_EQ(through(ElementType::BF16, 1 + 0x1p-8), 1); // ties to even
  EXPECT_EQ(through(ElementType::BF16, 1 + 0x1p-8 + 0x1p-30), 1 + 0x1p-7);
  EXPECT_EQ(through(ElementType::F16, 65520), INFINITY);
  EXPECT_EQ(through(ElementType::I8, 1000), 127);
  EXPECT_EQ(through(ElementType::I8, -1000), -128);
  EXPECT_EQ(through(ElementType::I64, 1e30), 0x1p63);
  EXPECT_EQ(through(ElementType::I32, NAN), 0);
  EXPECT_EQ(through(ElementType::I1, 0.5), 1);
  EXPECT_TRUE(std::isnan(through(ElementType::F16, NAN)));
}
