// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Analysis/RangeForms.h"

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace attn {

/// index and signless integers of at most 64 bits.
static bool isRanged(Type type) {
  return type.isIndex() || (type.isSignlessInteger() && type.getIntOrFloatBitWidth() <= 64);
}

bool hasRangeForm(Value value) {
  if (!isRanged(getElementTypeOrSelf(value.getType())))
    return false;
  Operation *op = value.getDefiningOp();
  if (!op || isa<IndexOp>(op) || matchPattern(value, m_Constant()))
    return true;
  if (auto shift = dyn_cast<arith::ShLIOp>(op); shift || isa<arith::ShRSIOp, arith::ShRUIOp>(op)) {
    if (!matchPattern(op->getOperand(1), m_Constant()))
      return false;
  }
  return isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp,
             arith::RemUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp, arith::MinSIOp, arith::MaxSIOp, arith::MinUIOp,
             arith::MaxUIOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp, arith::ShLIOp, arith::ShRSIOp, arith::ShRUIOp,
             arith::SelectOp, arith::CmpIOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp, arith::IndexCastOp,
             arith::IndexCastUIOp, math::AbsIOp, tensor::ExtractOp>(op) &&
         llvm::all_of(op->getOperands(), hasRangeForm);
}

} // namespace attn
