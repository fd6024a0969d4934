// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The meaning of scalar ops in double precision and 64-bit integers. Roundings to narrower float types are left out on
// purpose: the interpreter states what a kernel approximates.
#include "attn/Dialect/Attention/IR/Attention.h"
#include "attn/Interpreter/RegionProgram.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace attn;

/// An integer of `width` bits as slots hold it.
static int64_t wrap(uint64_t value, unsigned width) {
  if (width == 1)
    return static_cast<int64_t>(value & 1);
  unsigned unused = 64 - width;
  return static_cast<int64_t>(value << unused) >> unused;
}

static uint64_t toUnsigned(int64_t value, unsigned width) {
  return width == 64 ? static_cast<uint64_t>(value) : static_cast<uint64_t>(value) & ((uint64_t(1) << width) - 1);
}

static unsigned getWidth(Type type) { return isa<IntegerType>(type) ? cast<IntegerType>(type).getWidth() : 64; }

#define SLOT(I) slots[n.operands[I]]
#define PROGRAM [](const Instruction &n, const Scalar *slots, const int64_t *position)->Scalar
#define FLOAT(OP, EXPRESSION)                                                                                          \
  .Case<OP>([&](auto) {                                                                                                \
    return PROGRAM {                                                                                                   \
      double a = SLOT(0).f, b = SLOT(1).f, c = SLOT(2).f;                                                              \
      (void)b, (void)c;                                                                                                \
      return Scalar::ofFloat(EXPRESSION);                                                                              \
    };                                                                                                                 \
  })
#define INTEGER(OP, EXPRESSION)                                                                                        \
  .Case<OP>([&](auto) {                                                                                                \
    return PROGRAM {                                                                                                   \
      int64_t a = SLOT(0).i, b = SLOT(1).i;                                                                            \
      uint64_t ua = toUnsigned(a, n.width), ub = toUnsigned(b, n.width);                                               \
      (void)ua, (void)ub, (void)b;                                                                                     \
      return Scalar::ofInteger(wrap(static_cast<uint64_t>(EXPRESSION), n.width));                                      \
    };                                                                                                                 \
  })

/// Division by zero is undefined in arith; here it gives 0, so that an interpreter never crashes on its input.
static int64_t divide(int64_t a, int64_t b) {
  return b == 0 || (b == -1 && a == std::numeric_limits<int64_t>::min()) ? 0 : a / b;
}
static int64_t remainder(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
static int64_t floorDivide(int64_t a, int64_t b) {
  int64_t quotient = divide(a, b);
  return remainder(a, b) != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}
static int64_t ceilDivide(int64_t a, int64_t b) {
  int64_t quotient = divide(a, b);
  return remainder(a, b) != 0 && (a < 0) == (b < 0) ? quotient + 1 : quotient;
}

static double maximum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b); }
static double minimum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b); }
static int64_t truncateToInteger(double a) {
  return std::fabs(a) < 0x1p63 ? static_cast<int64_t>(a) : std::numeric_limits<int64_t>::min();
}

static InstructionFn getFloatFn(Operation *op) {
  return llvm::TypeSwitch<Operation *, InstructionFn>(op)
      // clang-format off
      FLOAT(arith::AddFOp, a + b)
      FLOAT(arith::SubFOp, a - b)
      FLOAT(arith::MulFOp, a * b)
      FLOAT(arith::DivFOp, a / b)
      FLOAT(arith::RemFOp, std::fmod(a, b))
      FLOAT(arith::NegFOp, -a)
      FLOAT(arith::MaximumFOp, maximum(a, b))
      FLOAT(arith::MinimumFOp, minimum(a, b))
      FLOAT(arith::MaxNumFOp, std::fmax(a, b))
      FLOAT(arith::MinNumFOp, std::fmin(a, b))
      FLOAT(arith::ExtFOp, a)
      FLOAT(arith::TruncFOp, a)
      FLOAT(math::AbsFOp, std::fabs(a))
      FLOAT(math::CopySignOp, std::copysign(a, b))
      FLOAT(math::SqrtOp, std::sqrt(a))
      FLOAT(math::RsqrtOp, 1 / std::sqrt(a))
      FLOAT(math::CbrtOp, std::cbrt(a))
      FLOAT(math::FmaOp, a * b + c)
      FLOAT(math::FloorOp, std::floor(a))
      FLOAT(math::CeilOp, std::ceil(a))
      FLOAT(math::RoundOp, std::round(a))
      FLOAT(math::RoundEvenOp, std::nearbyint(a))
      FLOAT(math::TruncOp, std::trunc(a))
      FLOAT(math::ExpOp, std::exp(a))
      FLOAT(math::Exp2Op, std::exp2(a))
      FLOAT(math::ExpM1Op, std::expm1(a))
      FLOAT(math::LogOp, std::log(a))
      FLOAT(math::Log2Op, std::log2(a))
      FLOAT(math::Log10Op, std::log10(a))
      FLOAT(math::Log1pOp, std::log1p(a))
      FLOAT(math::PowFOp, std::pow(a, b))
      FLOAT(math::TanhOp, std::tanh(a))
      FLOAT(math::SinhOp, std::sinh(a))
      FLOAT(math::CoshOp, std::cosh(a))
      FLOAT(math::SinOp, std::sin(a))
      FLOAT(math::CosOp, std::cos(a))
      FLOAT(math::TanOp, std::tan(a))
      FLOAT(math::AtanOp, std::atan(a))
      FLOAT(math::Atan2Op, std::atan2(a, b))
      FLOAT(math::ErfOp, std::erf(a))
                                                                              // clang-format on
                                                                              .Default(nullptr);
}

static InstructionFn getIntegerFn(Operation *op) {
  return llvm::TypeSwitch<Operation *, InstructionFn>(op)
      // clang-format off
      INTEGER(arith::AddIOp, uint64_t(a) + uint64_t(b))
      INTEGER(arith::SubIOp, uint64_t(a) - uint64_t(b))
      INTEGER(arith::MulIOp, uint64_t(a) * uint64_t(b))
      INTEGER(arith::DivSIOp, divide(a, b))
      INTEGER(arith::DivUIOp, ub == 0 ? 0 : ua / ub)
      INTEGER(arith::RemSIOp, remainder(a, b))
      INTEGER(arith::RemUIOp, ub == 0 ? 0 : ua % ub)
      INTEGER(arith::FloorDivSIOp, floorDivide(a, b))
      INTEGER(arith::CeilDivSIOp, ceilDivide(a, b))
      INTEGER(arith::CeilDivUIOp, ub == 0 ? 0 : ua / ub + (ua % ub != 0))
      INTEGER(arith::AndIOp, a & b)
      INTEGER(arith::OrIOp, a | b)
      INTEGER(arith::XOrIOp, a ^ b)
      INTEGER(arith::ShLIOp, ub >= n.width ? 0 : ua << ub)
      INTEGER(arith::ShRUIOp, ub >= n.width ? 0 : ua >> ub)
      INTEGER(arith::ShRSIOp, a >> std::min<uint64_t>(ub, 63))
      INTEGER(arith::MaxSIOp, std::max(a, b))
      INTEGER(arith::MinSIOp, std::min(a, b))
      INTEGER(arith::MaxUIOp, std::max(ua, ub))
      INTEGER(arith::MinUIOp, std::min(ua, ub))
      INTEGER(math::AbsIOp, a < 0 ? -uint64_t(a) : uint64_t(a))
                                                  // clang-format on
                                                  .Default(nullptr);
}

static bool compareIntegers(arith::CmpIPredicate predicate, int64_t a, int64_t b, unsigned width) {
  // i1 true is -1 as a signed number.
  if (width == 1 && predicate >= arith::CmpIPredicate::slt && predicate <= arith::CmpIPredicate::sge)
    a = -a, b = -b;
  return arith::applyCmpPredicate(predicate, APInt(64, static_cast<uint64_t>(a)), APInt(64, static_cast<uint64_t>(b)));
}

/// Comparisons, casts and everything else whose operands and result are of different kinds.
static InstructionFn getMixedFn(Operation *op) {
  return llvm::TypeSwitch<Operation *, InstructionFn>(op)
      .Case<arith::CmpFOp>([](auto) {
        return PROGRAM {
          bool holds = arith::applyCmpPredicate(static_cast<arith::CmpFPredicate>(n.number), APFloat(SLOT(0).f),
                                                APFloat(SLOT(1).f));
          return Scalar::ofInteger(holds);
        };
      })
      .Case<arith::CmpIOp>([](auto) {
        return PROGRAM {
          auto predicate = static_cast<arith::CmpIPredicate>(n.number);
          return Scalar::ofInteger(compareIntegers(predicate, SLOT(0).i, SLOT(1).i, n.width));
        };
      })
      .Case<arith::SelectOp>([](auto) {
        return PROGRAM { return SLOT(0).i ? SLOT(1) : SLOT(2); };
      })
      .Case<arith::ExtSIOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(n.width == 1 ? -SLOT(0).i : SLOT(0).i); };
      })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(static_cast<int64_t>(toUnsigned(SLOT(0).i, n.width))); };
      })
      .Case<arith::IndexCastOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(n.width == 1 ? -SLOT(0).i : wrap(SLOT(0).i, n.number)); };
      })
      .Case<arith::TruncIOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(wrap(SLOT(0).i, n.number)); };
      })
      .Case<arith::SIToFPOp>([](auto) {
        return PROGRAM { return Scalar::ofFloat(static_cast<double>(n.width == 1 ? -SLOT(0).i : SLOT(0).i)); };
      })
      .Case<arith::UIToFPOp>([](auto) {
        return PROGRAM { return Scalar::ofFloat(static_cast<double>(toUnsigned(SLOT(0).i, n.width))); };
      })
      .Case<arith::FPToSIOp, arith::FPToUIOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(wrap(truncateToInteger(SLOT(0).f), n.number)); };
      })
      .Case<math::IsNaNOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(std::isnan(SLOT(0).f)); };
      })
      .Case<math::IsInfOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(std::isinf(SLOT(0).f)); };
      })
      .Case<math::IsFiniteOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(std::isfinite(SLOT(0).f)); };
      })
      .Case<IndexOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(position[n.number]); };
      })
      .Case<linalg::IndexOp>([](auto) {
        return PROGRAM { return Scalar::ofInteger(position[n.number]); };
      })
      .Case<tensor::ExtractOp>([](auto) {
        return PROGRAM {
          bool isFloat = isa<FloatType>(n.table->elementType);
          int64_t offset = 0;
          for (auto [slot, size] : llvm::zip_equal(n.indices, n.table->sizes)) {
            int64_t index = slots[slot].i;
            // Undefined in the tensor dialect: NaN makes the mistake visible.
            if (index < 0 || index >= size)
              return isFloat ? Scalar::ofFloat(NAN) : Scalar::ofInteger(0);
            offset = offset * size + index;
          }
          double value = n.table->values[offset];
          return isFloat ? Scalar::ofFloat(value) : Scalar::ofInteger(static_cast<int64_t>(value));
        };
      })
      .Default(nullptr);
}

FailureOr<Instruction> attn::encodeScalarOp(Operation *op, ArrayRef<unsigned> slots) {
  if (op->getNumResults() != 1 || isa<ShapedType>(op->getResult(0).getType()))
    return failure();
  Instruction instruction{};
  instruction.width = 64;
  if (op->getNumOperands() > 0)
    instruction.width = getWidth(op->getOperand(isa<arith::SelectOp>(op) ? 1 : 0).getType());
  instruction.run = getFloatFn(op);
  if (!instruction.run)
    instruction.run = getIntegerFn(op);
  if (!instruction.run)
    instruction.run = getMixedFn(op);
  if (!instruction.run || instruction.width > 64)
    return failure();
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    instruction.number = static_cast<unsigned>(compare.getPredicate());
  else if (auto compare = dyn_cast<arith::CmpIOp>(op))
    instruction.number = static_cast<unsigned>(compare.getPredicate());
  else if (auto index = dyn_cast<IndexOp>(op))
    instruction.number = static_cast<unsigned>(index.getLoop());
  else if (auto index = dyn_cast<linalg::IndexOp>(op))
    instruction.number = static_cast<unsigned>(index.getDim());
  else
    instruction.number = getWidth(op->getResult(0).getType());
  if (isa<tensor::ExtractOp>(op))
    instruction.indices.assign(slots.begin() + 1, slots.end());
  else
    llvm::copy(slots, instruction.operands);
  instruction.numOperands = isa<tensor::ExtractOp>(op) ? 0 : slots.size();
  return instruction;
}

FailureOr<Scalar> attn::getScalar(Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return Scalar::ofFloat(number.getValueAsDouble());
  if (auto number = dyn_cast<IntegerAttr>(attribute)) {
    unsigned width = getWidth(number.getType());
    if (width > 64)
      return failure();
    return Scalar::ofInteger(wrap(number.getValue().getZExtValue(), width));
  }
  return failure();
}
