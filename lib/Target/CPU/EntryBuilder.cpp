// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "EntryBuilder.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

LLVM::LLVMStructType EntryBuilder::getCallType() {
  Type i32 = b.getI32Type(), ptr = getPointer();
  return LLVM::LLVMStructType::getLiteral(b.getContext(), {i32, i32, ptr, b.getI64Type(), ptr, ptr});
}

LLVM::LLVMStructType EntryBuilder::getViewType(unsigned rank) {
  if (rank == 0)
    return LLVM::LLVMStructType::getLiteral(b.getContext(), {getPointer()});
  Type array = LLVM::LLVMArrayType::get(b.getI64Type(), rank);
  return LLVM::LLVMStructType::getLiteral(b.getContext(), {getPointer(), array, array});
}

LLVM::LLVMStructType EntryBuilder::getContextType(const KernelSignature &signature) {
  SmallVector<Type> members{b.getI64Type(), b.getI64Type(), b.getI32Type(), getPointer(), b.getI64Type(), getPointer()};
  for (const KernelArgument &argument : signature.arguments)
    members.push_back(argument.isScalar() ? getKernelScalarType(argument.type) : getViewType(argument.sizes.size()));
  return LLVM::LLVMStructType::getLiteral(b.getContext(), members);
}

Type EntryBuilder::getKernelScalarType(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return b.getF32Type();
  case ElementType::F64:
    return b.getF64Type();
  case ElementType::F16:
    return b.getF16Type();
  case ElementType::BF16:
    return b.getBF16Type();
  case ElementType::I1:
    return b.getI1Type();
  default:
    return b.getIntegerType(8 * getByteSize(type));
  }
}

Type EntryBuilder::getAbiScalarType(ElementType type) {
  if (type == ElementType::F32 || type == ElementType::F64)
    return getKernelScalarType(type);
  return b.getIntegerType(8 * getByteSize(type));
}

Value EntryBuilder::constant(Type type, int64_t value) {
  return LLVM::ConstantOp::create(b, loc, type, b.getIntegerAttr(type, value));
}

Value EntryBuilder::compare(LLVM::ICmpPredicate predicate, Value lhs, Value rhs) {
  return LLVM::ICmpOp::create(b, loc, predicate, lhs, rhs);
}

Value EntryBuilder::both(Value lhs, Value rhs) { return LLVM::AndOp::create(b, loc, lhs, rhs); }

Value EntryBuilder::either(Value lhs, Value rhs) {
  return lhs ? LLVM::OrOp::create(b, loc, lhs, rhs).getResult() : rhs;
}

Value EntryBuilder::isNull(Value pointer) {
  return compare(LLVM::ICmpPredicate::eq, pointer, LLVM::ZeroOp::create(b, loc, getPointer()));
}

Value EntryBuilder::member(Value base, Type structType, ArrayRef<int32_t> path) {
  SmallVector<LLVM::GEPArg> indices{0};
  for (int32_t index : path)
    indices.push_back(index);
  return LLVM::GEPOp::create(b, loc, getPointer(), structType, base, indices, LLVM::GEPNoWrapFlags::inbounds);
}

Value EntryBuilder::loadMember(Value base, Type structType, ArrayRef<int32_t> path, Type type) {
  return LLVM::LoadOp::create(b, loc, type, member(base, structType, path));
}

ArgumentValues EntryBuilder::loadView(Value base, unsigned rank) {
  Type viewType = getViewType(rank);
  ArgumentValues values;
  values.value = loadMember(base, viewType, {0}, getPointer());
  for (int32_t i = 0, e = rank; i < e; ++i)
    values.sizes.push_back(loadMember(base, viewType, {1, i}, b.getI64Type()));
  for (int32_t i = 0, e = rank; i < e; ++i)
    values.strides.push_back(loadMember(base, viewType, {2, i}, b.getI64Type()));
  return values;
}

void EntryBuilder::flatten(const KernelSignature &signature, ArrayRef<ArgumentValues> values,
                           SmallVectorImpl<Value> &flat) {
  Value zero = i64(0);
  for (auto [argument, value] : llvm::zip_equal(signature.arguments, values)) {
    flat.push_back(value.value);
    if (argument.isScalar())
      continue;
    flat.append({value.value, zero});
    llvm::append_range(flat, value.sizes);
    llvm::append_range(flat, value.strides);
  }
}

void EntryBuilder::flattenShared(const KernelSignature &signature, Value shared, SmallVectorImpl<Value> &flat) {
  if (signature.hasShared())
    flat.append({shared, shared, i64(0), i64(signature.sharedBytes), i64(1)});
}

void EntryBuilder::flattenTypes(const KernelSignature &signature, SmallVectorImpl<Type> &types) {
  for (const KernelArgument &argument : signature.arguments) {
    if (argument.isScalar()) {
      types.push_back(getKernelScalarType(argument.type));
      continue;
    }
    types.append({getPointer(), getPointer()});
    types.append(1 + 2 * argument.sizes.size(), b.getI64Type());
  }
  if (signature.hasShared()) {
    types.append(2, getPointer());
    types.append(3, b.getI64Type());
  }
}

void EntryBuilder::exitIf(Value condition, Block *exit, Value status) {
  Block *next = new Block;
  next->insertBefore(exit);
  LLVM::CondBrOp::create(b, loc, condition, exit, ValueRange{status}, next, ValueRange{});
  b.setInsertionPointToEnd(next);
}

void EntryBuilder::exitIf(Value condition, Block *exit, attn_status status) { exitIf(condition, exit, i32(status)); }

int64_t attn::getSlotBytes(const KernelSignature &signature) {
  return llvm::alignTo(signature.workspaceBytes, kWorkspaceAlignment);
}

int64_t attn::getSharedBytes(const KernelSignature &signature) {
  return llvm::alignTo(signature.sharedBytes, kWorkspaceAlignment);
}

std::string attn::getStageSuffix(StringRef suffix, size_t stage) {
  return stage == 0 ? suffix.str() : (suffix + "_" + Twine(stage)).str();
}

void attn::buildViewChecks(EntryBuilder &entry, const KernelSignature &signature, ArrayRef<ArgumentValues> values,
                           Block *exit, llvm::function_ref<Value()> checkShapes) {
  using Predicate = LLVM::ICmpPredicate;
  // One test of all views for each status: few branches, and the order of attn_status holds across views.
  Value null, size, shape, stride, alignment;
  Value zero = entry.i64(0), one = entry.i64(1);
  for (auto [argument, value] : llvm::zip_equal(signature.arguments, values)) {
    if (argument.isScalar())
      continue;
    Value empty = entry.constant(entry.b.getI1Type(), 0);
    for (auto [dimension, actual] : llvm::enumerate(value.sizes)) {
      empty = entry.either(empty, entry.compare(Predicate::eq, actual, zero));
      // Unsigned, so that negative sizes are too large as well.
      size = entry.either(size, entry.compare(Predicate::ugt, actual, entry.i64(ATTN_MAX_SIZE)));
      int64_t expected = argument.sizes[dimension];
      if (!ShapedType::isDynamic(expected))
        shape = entry.either(shape, entry.compare(Predicate::ne, actual, entry.i64(expected)));

      Value used = entry.compare(Predicate::sgt, actual, one);
      Value step = value.strides[dimension];
      bool isInnermost = dimension + 1 == value.sizes.size();
      // Kernels add positions without wrapping, hence no negative strides; tasks must not share output elements.
      int64_t least = argument.isWritten() ? 1 : 0;
      Value bad =
          isInnermost ? entry.compare(Predicate::ne, step, one) : entry.compare(Predicate::slt, step, entry.i64(least));
      stride = entry.either(stride, entry.both(used, bad));
    }
    Value hasElements = LLVM::XOrOp::create(entry.b, entry.loc, empty, entry.constant(entry.b.getI1Type(), 1));
    null = entry.either(null, entry.both(entry.isNull(value.value), hasElements));
    if (int64_t bytes = getByteSize(argument.type); bytes > 1) {
      Value address = LLVM::PtrToIntOp::create(entry.b, entry.loc, entry.b.getI64Type(), value.value);
      Value rest = LLVM::AndOp::create(entry.b, entry.loc, address, entry.i64(bytes - 1));
      alignment = entry.either(alignment, entry.compare(Predicate::ne, rest, zero));
    }
  }
  auto exitIf = [&](Value condition, attn_status status) {
    if (condition)
      entry.exitIf(condition, exit, status);
  };
  exitIf(null, ATTN_ERROR_NULL);
  exitIf(size, ATTN_ERROR_SIZE);
  exitIf(shape, ATTN_ERROR_SHAPE);
  Value status = checkShapes();
  entry.exitIf(entry.compare(Predicate::ne, status, entry.i32(ATTN_OK)), exit, status);
  exitIf(stride, ATTN_ERROR_STRIDE);
  exitIf(alignment, ATTN_ERROR_ALIGNMENT);
}
