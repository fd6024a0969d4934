// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How the entry of a kernel of a GPU starts it: everything is gathered on the stack, and the caller's launch function,
// which knows the driver, does the rest. So the object needs no library, here as on a CPU.
#include "EntryBuilder.h"

#include "attn-c/Gpu.h"

using namespace mlir;
using namespace attn;

/// A constant before the entry function.
static LLVM::GlobalOp createConstant(EntryBuilder &entry, Operation *function, StringRef name, StringRef bytes) {
  OpBuilder::InsertionGuard guard(entry.b);
  entry.b.setInsertionPoint(function);
  return LLVM::GlobalOp::create(entry.b, entry.loc, LLVM::LLVMArrayType::get(entry.b.getI8Type(), bytes.size()),
                                /*isConstant=*/true, LLVM::Linkage::Internal, name, entry.b.getStringAttr(bytes),
                                /*alignment=*/16);
}

/// attn_gpu_call: version, workers, launch, device, stream, choose, workspace, workspace_bytes.
static LLVM::LLVMStructType getGpuCallType(EntryBuilder &entry) {
  Type i32 = entry.b.getI32Type(), ptr = entry.getPointer();
  return LLVM::LLVMStructType::getLiteral(entry.b.getContext(),
                                          {i32, i32, ptr, ptr, ptr, ptr, ptr, entry.b.getI64Type()});
}

/// attn_gpu_kernel: name, image, image_bytes, threads, shared_bytes, chip, is_ptx. The image and what is said of it are
/// filled in when there is one: it is compiled from another module, and an emulator needs none.
static LLVM::GlobalOp createDescription(EntryBuilder &entry, KernelFunctions &kernel, Operation *function,
                                        DictionaryAttr launch, StringRef suffix, LLVM::GlobalOp image) {
  OpBuilder &b = entry.b;
  Location loc = entry.loc;
  std::string name = launch.getAs<StringAttr>("kernel").str();
  name.push_back('\0');
  auto nameGlobal = createConstant(entry, function, kernel.signature.getSymbol((suffix + "_name").str()), name);
  Type i32 = b.getI32Type(), i64 = b.getI64Type(), ptr = entry.getPointer();
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {ptr, ptr, i64, i64, i64, i32, i32});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(function);
  auto global = LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal,
                                       kernel.signature.getSymbol((suffix + kDescriptionSuffix).str()), Attribute(),
                                       /*alignment=*/8);
  b.setInsertionPointToStart(b.createBlock(&global.getInitializerRegion()));
  auto getNumber = [&](StringRef member) { return launch.getAs<IntegerAttr>(member).getInt(); };
  int32_t chip = 0;
  StringRef(kernel.cpu).drop_until(llvm::isDigit).getAsInteger(10, chip);
  Value description = LLVM::PoisonOp::create(b, loc, type);
  Value members[] = {LLVM::AddressOfOp::create(b, loc, nameGlobal),
                     LLVM::AddressOfOp::create(b, loc, image),
                     entry.i64(0),
                     entry.i64(getNumber("threads")),
                     entry.i64(getNumber("shared_bytes")),
                     entry.i32(chip),
                     entry.i32(0)};
  for (auto [i, member] : llvm::enumerate(members))
    description = LLVM::InsertValueOp::create(b, loc, description, member, i);
  LLVM::ReturnOp::create(b, loc, description);
  return global;
}

/// Appends the number of parts that keys are divided into, and where their states go; returns the number.
static Value appendParts(EntryBuilder &entry, KernelFunctions &kernel, Value call, SmallVector<Value> &flat,
                         Block *exit) {
  OpBuilder &b = entry.b;
  Location loc = entry.loc;
  const KernelSignature &signature = kernel.signature;
  LLVM::LLVMStructType callType = getGpuCallType(entry);
  Value workers = entry.loadMember(call, callType, {1}, b.getI32Type());
  entry.exitIf(entry.compare(LLVM::ICmpPredicate::slt, workers, entry.i32(0)), exit, ATTN_ERROR_WORKERS);
  SmallVector<Value> arguments(flat);
  arguments.push_back(LLVM::ZExtOp::create(b, loc, b.getI64Type(), workers));
  Value splits = LLVM::CallOp::create(b, loc, kernel.stages.front().splits, arguments).getResult();

  // One worker divides nothing, and needs no memory.
  Block *check = new Block, *next = new Block;
  check->insertBefore(exit);
  next->insertBefore(exit);
  Value partials = next->addArgument(entry.getPointer(), loc), bytes = next->addArgument(b.getI64Type(), loc);
  Value isAlone = entry.compare(LLVM::ICmpPredicate::slt, workers, entry.i32(2));
  Value null = LLVM::ZeroOp::create(b, loc, entry.getPointer());
  LLVM::CondBrOp::create(b, loc, isAlone, next, ValueRange{null, entry.i64(0)}, check, ValueRange{});
  b.setInsertionPointToEnd(check);
  Value scratch = entry.loadMember(call, callType, {6}, entry.getPointer());
  Value room = entry.loadMember(call, callType, {7}, b.getI64Type());
  scratch = buildWorkspaceCheck(entry, signature, workers, entry.i64(getSharedBytes(signature)), scratch, room, exit);
  LLVM::BrOp::create(b, loc, ValueRange{scratch, room}, next);
  b.setInsertionPointToEnd(next);
  flat.append({splits, partials, partials, entry.i64(0), bytes, entry.i64(1)});
  return splits;
}

void attn::buildLaunch(EntryBuilder &entry, KernelFunctions &kernel, Value call, Value tasks, SmallVector<Value> flat,
                       Block *exit) {
  OpBuilder &b = entry.b;
  Location loc = entry.loc;
  auto function = cast<LLVM::LLVMFuncOp>(exit->getParentOp());
  Value splits;
  if (kernel.stages.front().splits)
    splits = appendParts(entry, kernel, call, flat, exit);
  entry.exitIf(entry.compare(LLVM::ICmpPredicate::slt, tasks, entry.i64(1)), exit, ATTN_OK);

  // Stack in the first block: anywhere else it would grow dynamically.
  SmallVector<Type> types = llvm::map_to_vector(flat, [](Value value) { return value.getType(); });
  auto valuesType = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  auto addressesType = LLVM::LLVMArrayType::get(entry.getPointer(), flat.size());
  Value values, addresses;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.getBody().front());
    Value one = entry.i32(1);
    values = LLVM::AllocaOp::create(b, loc, entry.getPointer(), valuesType, one, /*alignment=*/8);
    addresses = LLVM::AllocaOp::create(b, loc, entry.getPointer(), addressesType, one, /*alignment=*/8);
  }
  for (auto [i, value] : llvm::enumerate(flat)) {
    Value slot = entry.member(values, valuesType, {int32_t(i)});
    LLVM::StoreOp::create(b, loc, value, slot);
    LLVM::StoreOp::create(b, loc, slot, entry.member(addresses, addressesType, {int32_t(i)}));
  }
  LLVM::LLVMStructType callType = getGpuCallType(entry);
  Value start = entry.loadMember(call, callType, {2}, entry.getPointer());
  entry.exitIf(entry.isNull(start), exit, ATTN_ERROR_NULL);
  Value device = entry.loadMember(call, callType, {3}, entry.getPointer());
  Value stream = entry.loadMember(call, callType, {4}, entry.getPointer());
  auto image = createConstant(entry, function, kernel.signature.getSymbol(kImageSuffix), StringRef("\0", 1));
  auto launch = [&](LLVM::LLVMFuncOp which, StringRef suffix, Value blocks) -> Value {
    auto attribute = which->getAttrOfType<DictionaryAttr>("attn.launch");
    LLVM::GlobalOp global = createDescription(entry, kernel, function, attribute, suffix, image);
    Value description = LLVM::AddressOfOp::create(b, loc, global);
    Type ptr = entry.getPointer();
    auto type = LLVM::LLVMFunctionType::get(b.getI32Type(), {ptr, ptr, b.getI64Type(), ptr, ptr});
    return LLVM::CallOp::create(b, loc, type, ValueRange{start, device, description, blocks, addresses, stream})
        .getResult();
  };
  if (!splits) {
    LLVM::BrOp::create(b, loc, launch(kernel.stages.front().task, "kernel", tasks), exit);
    return;
  }
  // The second waits for the first: both are on one stream.
  Value status = launch(kernel.stages.front().task, "kernel", LLVM::MulOp::create(b, loc, tasks, splits));
  entry.exitIf(entry.compare(LLVM::ICmpPredicate::ne, status, entry.i32(ATTN_OK)), exit, status);
  entry.exitIf(entry.compare(LLVM::ICmpPredicate::slt, splits, entry.i64(2)), exit, ATTN_OK);
  LLVM::BrOp::create(b, loc, launch(kernel.merge, "merge", tasks), exit);
}
