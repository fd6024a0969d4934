// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// 500 random predicates over row, key and captures: affine arithmetic, quotients, remainders and boolean structure.
#include "MaskFixture.h"

#include <random>

using namespace attn;
using namespace attn::test;

namespace {

/// Writes the lines of one predicate.
class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  std::string makeBody() {
    // One that sees neither row nor key says nothing about tiles.
    std::string keep;
    do {
      lines.clear();
      numValues = 0;
      keep = makeBool(0);
    } while (lines.find("%i") == std::string::npos && lines.find("%j") == std::string::npos);
    return lines + "%keep = arith.ori " + keep + ", " + keep + " : i1\n";
  }

private:
  unsigned choose(unsigned count) { return std::uniform_int_distribution<unsigned>(0, count - 1)(random); }
  bool happens(double probability) { return std::uniform_real_distribution<double>()(random) < probability; }
  template <size_t size> const char *choose(const char *const (&list)[size]) { return list[choose(size)]; }

  std::string add(const std::string &expression) {
    std::string name = "%v" + std::to_string(numValues++);
    lines += name + " = " + expression + "\n";
    return name;
  }
  std::string makeConstant(int64_t value) { return add("arith.constant " + std::to_string(value) + " : index"); }

  std::string makeInteger(unsigned depth) {
    if (happens(0.3))
      return "%i";
    if (happens(0.45))
      return "%j";
    if (happens(0.2))
      return choose({"%a", "%b", "%batch"});
    if (depth > 2 || happens(0.15))
      return makeConstant(int64_t(choose(26)) - 6);
    std::string operand = makeInteger(depth + 1);
    switch (choose(7)) {
    case 0:
      return add("arith.muli " + operand + ", " + makeConstant(int64_t(choose(6)) - 2) + " : index");
    case 1:
      return add(std::string("arith.") + choose({"floordivsi", "divsi", "remsi", "ceildivsi"}) + " " + operand + ", " +
                 makeConstant(choose(7) + 2) + " : index");
    case 2: {
      std::string condition = makeComparison(2);
      return add("arith.select " + condition + ", " + operand + ", " + makeInteger(depth + 1) + " : index");
    }
    case 3:
      return add(std::string("arith.") + choose({"minsi", "maxsi"}) + " " + operand + ", " + makeInteger(depth + 1) +
                 " : index");
    default:
      return add(std::string("arith.") + choose({"addi", "subi"}) + " " + operand + ", " + makeInteger(depth + 1) +
                 " : index");
    }
  }

  std::string makeComparison(unsigned depth) {
    const char *predicate = choose({"sge", "sgt", "sle", "slt", "sge", "sle", "eq", "ne", "ult", "uge"});
    std::string lhs = makeInteger(depth), rhs = makeInteger(depth);
    return add(std::string("arith.cmpi ") + predicate + ", " + lhs + ", " + rhs + " : index");
  }

  std::string makeBool(unsigned depth) {
    if (depth > 2 || happens(0.35 + 0.3 * depth))
      return makeComparison(0);
    std::string lhs = makeBool(depth + 1);
    switch (choose(6)) {
    case 0:
      return add("arith.xori " + lhs + ", " + add("arith.constant true") + " : i1");
    case 1: {
      std::string ifTrue = makeBool(depth + 1);
      return add("arith.select " + lhs + ", " + ifTrue + ", " + makeBool(depth + 1) + " : i1");
    }
    case 2:
      return add("arith.xori " + lhs + ", " + makeBool(depth + 1) + " : i1");
    default:
      return add(std::string("arith.") + choose({"andi", "ori"}) + " " + lhs + ", " + makeBool(depth + 1) + " : i1");
    }
  }

  std::mt19937 random;
  std::string lines;
  unsigned numValues = 0;
};

using RandomMasksTest = MaskFixture;

TEST_F(RandomMasksTest, NeverSkipsANeededTile) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    Generator generator(seed);
    std::string body = generator.makeBody();
    for (int variant : {0, 1})
      check(body, Options{false, false, int(2 * seed) + variant});
    if (HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
  printf("key tiles needed %lld visited %lld, full %lld unmasked %lld; %lld of %lld analyses not exact\n",
         static_cast<long long>(counts.needed), static_cast<long long>(counts.visited),
         static_cast<long long>(counts.full), static_cast<long long>(counts.unmasked),
         static_cast<long long>(counts.inexact), static_cast<long long>(counts.analyses));
}

} // namespace
