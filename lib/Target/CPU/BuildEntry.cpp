// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The two functions of a kernel that hold its calling convention: the entry that C calls, and the body of one task.
#include "EntryBuilder.h"

using namespace mlir;
using namespace attn;

LLVM::LLVMFuncOp attn::createFunction(OpBuilder &b, Location loc, StringRef name, Type result, ArrayRef<Type> arguments,
                                      LLVM::Linkage linkage) {
  auto type = LLVM::LLVMFunctionType::get(result, arguments);
  return LLVM::LLVMFuncOp::create(b, loc, name, type, linkage);
}

/// Memory that the parts of row tile `tile` share, behind what workers have for themselves.
static Value getShared(EntryBuilder &entry, const KernelSignature &signature, Value splits, Value workers, Value tile,
                       Value scratch) {
  OpBuilder &b = entry.b;
  Location loc = entry.loc;
  Value states = LLVM::MulOp::create(b, loc, splits, entry.i64(signature.partialBytes));
  Value bytes = LLVM::AddOp::create(b, loc, states, entry.i64(kPartialsHeaderBytes));
  Value begin = LLVM::MulOp::create(b, loc, LLVM::ZExtOp::create(b, loc, b.getI64Type(), workers),
                                    entry.i64(signature.getPrivateBytes()));
  Value offset = LLVM::AddOp::create(b, loc, begin, LLVM::MulOp::create(b, loc, tile, bytes));
  return LLVM::GEPOp::create(b, loc, entry.getPointer(), b.getI8Type(), scratch, LLVM::GEPArg(offset));
}

/// Appends the row tile and part that `task` is, the number of parts, and the memory that the parts share. A row tile
/// that is not divided has it in its worker's own scratch, at `mine`.
static void appendPart(EntryBuilder &entry, const KernelSignature &signature, Value splits, Value workers, Value task,
                       Value scratch, Value mine, SmallVectorImpl<Value> &flat) {
  OpBuilder &b = entry.b;
  Location loc = entry.loc;
  Value tile = LLVM::UDivOp::create(b, loc, task, splits), part = LLVM::URemOp::create(b, loc, task, splits);
  Value own = LLVM::GEPOp::create(
      b, loc, entry.getPointer(), b.getI8Type(), mine,
      LLVM::GEPArg(int32_t(signature.getPrivateBytes() - kPartialsHeaderBytes - signature.partialBytes)));
  // No part of it is done.
  LLVM::StoreOp::create(b, loc, entry.i64(0), own, /*alignment=*/8);
  Value shared = getShared(entry, signature, splits, workers, tile, scratch);
  Value isDivided = entry.compare(LLVM::ICmpPredicate::ugt, splits, entry.i64(1));
  Value partials = LLVM::SelectOp::create(b, loc, isDivided, shared, own);
  Value bytes = LLVM::AddOp::create(b, loc, LLVM::MulOp::create(b, loc, splits, entry.i64(signature.partialBytes)),
                                    entry.i64(kPartialsHeaderBytes));
  flat.append({tile, part, splits, partials, partials, entry.i64(0), bytes, entry.i64(1)});
}

static LLVM::LLVMFuncOp buildTaskBody(OpBuilder &b, KernelFunctions &kernel, size_t stage) {
  OpBuilder::InsertionGuard guard(b);
  StageFunctions &functions = kernel.stages[stage];
  Location loc = functions.task.getLoc();
  EntryBuilder entry(b, loc);
  LLVM::LLVMFuncOp body = createFunction(b, loc, kernel.signature.getSymbol(getStageSuffix("body", stage)),
                                         LLVM::LLVMVoidType::get(b.getContext()),
                                         {entry.getPointer(), b.getI64Type(), b.getI32Type()}, LLVM::Linkage::Internal);
  b.setInsertionPointToStart(body.addEntryBlock(b));
  Value context = body.getArgument(0), task = body.getArgument(1), worker = body.getArgument(2);
  Type contextType = entry.getContextType(kernel.signature);
  Block *exit = b.createBlock(&body.getBody(), body.getBody().end());
  LLVM::ReturnOp::create(b, loc, ValueRange{});
  b.setInsertionPointToEnd(&body.getBody().front());

  // A pool that counts wrong must not write outside the workspace. Unsigned, so that negative numbers are out too.
  Value tasks = entry.loadMember(context, contextType, {kContextTasks}, b.getI64Type());
  Value workers = entry.loadMember(context, contextType, {kContextWorkers}, b.getI32Type());
  Value bad = entry.either(entry.compare(LLVM::ICmpPredicate::uge, task, tasks),
                           entry.compare(LLVM::ICmpPredicate::uge, worker, workers));
  Block *run = new Block;
  run->insertBefore(exit);
  LLVM::CondBrOp::create(b, loc, bad, exit, run);
  b.setInsertionPointToEnd(run);

  SmallVector<ArgumentValues> values;
  for (auto [index, argument] : llvm::enumerate(kernel.signature.arguments)) {
    int32_t field = kContextArguments + index;
    if (argument.isScalar())
      values.push_back(
          {entry.loadMember(context, contextType, {field}, entry.getKernelScalarType(argument.type)), {}, {}});
    else
      values.push_back(entry.loadView(entry.member(context, contextType, {field}), argument.sizes.size()));
  }
  SmallVector<Value> flat;
  entry.flatten(kernel.signature, values, flat);
  Value scratch = entry.loadMember(context, contextType, {kContextScratch}, entry.getPointer());
  if (kernel.signature.hasShared())
    entry.flattenShared(kernel.signature, entry.loadMember(context, contextType, {kContextShared}, entry.getPointer()),
                        flat);
  Value slot = LLVM::SExtOp::create(b, loc, b.getI64Type(), worker);
  Value offset = LLVM::MulOp::create(b, loc, slot, entry.i64(kernel.signature.getPrivateBytes()));
  Value mine = LLVM::GEPOp::create(b, loc, entry.getPointer(), b.getI8Type(), scratch, LLVM::GEPArg(offset));
  auto appendBytes = [&](Value base, Value size) { flat.append({base, base, entry.i64(0), size, entry.i64(1)}); };
  if (functions.splits)
    appendPart(entry, kernel.signature, entry.loadMember(context, contextType, {kContextSplits}, b.getI64Type()),
               workers, task, scratch, mine, flat);
  else
    flat.push_back(task);
  appendBytes(mine, entry.i64(kernel.signature.getPrivateBytes()));
  LLVM::CallOp::create(b, loc, functions.task, flat);
  LLVM::AtomicRMWOp::create(b, loc, LLVM::AtomicBinOp::add, entry.member(context, contextType, {kContextDone}),
                            entry.i64(1), LLVM::AtomicOrdering::release);
  LLVM::BrOp::create(b, loc, exit);
  return body;
}

SmallVector<LLVM::LLVMFuncOp> attn::buildTaskBodies(OpBuilder &b, KernelFunctions &kernel) {
  SmallVector<LLVM::LLVMFuncOp> bodies;
  for (size_t stage = 0; stage < kernel.stages.size(); ++stage)
    bodies.push_back(buildTaskBody(b, kernel, stage));
  return bodies;
}

/// Runs all tasks of the filled context, serially or through call->parallel_for, then `after`; returns from the entry
/// function where the pool did not do its duty.
static void buildTaskLoop(EntryBuilder &entry, LLVM::LLVMFuncOp body, Value call, Value context, Type contextType,
                          Value tasks, Block *after, Block *exit) {
  OpBuilder &b = entry.b;
  Location loc = entry.loc;
  auto addBlock = [&](TypeRange arguments = {}) {
    Block *block = new Block;
    block->insertBefore(after);
    for (Type type : arguments)
      block->addArgument(type, loc);
    return block;
  };
  Block *serial = addBlock(b.getI64Type()), *parallel = addBlock(), *finish = addBlock();
  Value parallelFor = entry.loadMember(call, entry.getCallType(), {4}, entry.getPointer());
  LLVM::CondBrOp::create(b, loc, entry.isNull(parallelFor), serial, ValueRange{entry.i64(0)}, parallel, ValueRange{});

  b.setInsertionPointToEnd(serial);
  Value task = serial->getArgument(0);
  LLVM::CallOp::create(b, loc, body, ValueRange{context, task, entry.i32(0)});
  Value next = LLVM::AddOp::create(b, loc, task, entry.i64(1));
  LLVM::CondBrOp::create(b, loc, entry.compare(LLVM::ICmpPredicate::slt, next, tasks), serial, ValueRange{next}, after,
                         ValueRange{});

  b.setInsertionPointToEnd(parallel);
  Value pool = entry.loadMember(call, entry.getCallType(), {5}, entry.getPointer());
  Value address = LLVM::AddressOfOp::create(b, loc, body);
  auto poolType =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {entry.getPointer(), b.getI64Type(), entry.getPointer(), entry.getPointer()});
  LLVM::CallOp::create(b, loc, poolType, ValueRange{parallelFor, pool, tasks, address, context});
  LLVM::BrOp::create(b, loc, finish);

  b.setInsertionPointToEnd(finish);
  Value done = LLVM::LoadOp::create(b, loc, b.getI64Type(), entry.member(context, contextType, {kContextDone}),
                                    /*alignment=*/8, /*isVolatile=*/false, /*isNonTemporal=*/false,
                                    /*isInvariant=*/false, /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire);
  Value complete = entry.compare(LLVM::ICmpPredicate::eq, done, tasks);
  LLVM::CondBrOp::create(b, loc, complete, after, ValueRange{}, exit, ValueRange{entry.i32(ATTN_ERROR_POOL)});
}

/// The value by which kernel functions take the scalar that C passed as `value`.
static Value toKernelScalar(EntryBuilder &entry, ElementType type, Value value) {
  if (type == ElementType::I1)
    return entry.compare(LLVM::ICmpPredicate::ne, value, entry.constant(value.getType(), 0));
  Type wanted = entry.getKernelScalarType(type);
  return value.getType() == wanted ? value : LLVM::BitcastOp::create(entry.b, entry.loc, wanted, value).getResult();
}

/// Of each of `tiles` row tiles that are divided, no part is done. Continues in a new block.
static void buildCountReset(EntryBuilder &entry, const KernelSignature &signature, Value splits, Value workers,
                            Value tiles, Value scratch, Block *exit) {
  OpBuilder &b = entry.b;
  Location loc = entry.loc;
  Block *loop = new Block, *next = new Block;
  loop->insertBefore(exit);
  next->insertBefore(exit);
  Value tile = loop->addArgument(b.getI64Type(), loc);
  Value isDivided = entry.compare(LLVM::ICmpPredicate::ugt, splits, entry.i64(1));
  LLVM::CondBrOp::create(b, loc, isDivided, loop, ValueRange{entry.i64(0)}, next, ValueRange{});
  b.setInsertionPointToEnd(loop);
  LLVM::StoreOp::create(b, loc, entry.i64(0), getShared(entry, signature, splits, workers, tile, scratch),
                        /*alignment=*/8);
  Value following = LLVM::AddOp::create(b, loc, tile, entry.i64(1));
  LLVM::CondBrOp::create(b, loc, entry.compare(LLVM::ICmpPredicate::slt, following, tiles), loop, ValueRange{following},
                         next, ValueRange{});
  b.setInsertionPointToEnd(next);
}

/// Bytes of slots, of what stages share, and slack for a workspace that does not begin at a multiple of the alignment.
static Value getNeededBytes(EntryBuilder &entry, const KernelSignature &signature, Value workers, Value shared) {
  OpBuilder &b = entry.b;
  Value slots = LLVM::MulOp::create(b, entry.loc, workers, entry.i64(getSlotBytes(signature)));
  Value slack = LLVM::AddOp::create(b, entry.loc, shared, entry.i64(kWorkspaceAlignment - 1));
  return LLVM::AddOp::create(b, entry.loc, slots, slack);
}

Value attn::buildWorkspaceCheck(EntryBuilder &entry, const KernelSignature &signature, Value workers, Value shared,
                                Value scratch, Value bytes, Block *exit) {
  OpBuilder &b = entry.b;
  Location loc = entry.loc;
  Value workers64 = LLVM::ZExtOp::create(b, loc, b.getI64Type(), workers);
  Value needed = getNeededBytes(entry, signature, workers64, shared);
  Value tooSmall = entry.compare(LLVM::ICmpPredicate::ult, bytes, needed);
  entry.exitIf(entry.either(entry.isNull(scratch), tooSmall), exit, ATTN_ERROR_WORKSPACE);
  // Up to the next multiple of the alignment; the slack for it is part of NAME_workspace_size().
  Value address = LLVM::PtrToIntOp::create(b, loc, b.getI64Type(), scratch);
  Value negated = LLVM::SubOp::create(b, loc, entry.i64(0), address);
  Value skip = LLVM::AndOp::create(b, loc, negated, entry.i64(kWorkspaceAlignment - 1));
  return LLVM::GEPOp::create(b, loc, entry.getPointer(), b.getI8Type(), scratch, LLVM::GEPArg(skip));
}

/// The types of the arguments of NAME.
static SmallVector<Type> getEntryTypes(EntryBuilder &entry, const KernelSignature &signature) {
  SmallVector<Type> types{entry.getPointer()};
  for (const KernelArgument &argument : signature.arguments)
    types.push_back(argument.isScalar() ? entry.getAbiScalarType(argument.type) : entry.getPointer());
  return types;
}

/// What C passed, and whether a view is null.
static SmallVector<ArgumentValues> loadArguments(EntryBuilder &entry, const KernelSignature &signature,
                                                 LLVM::LLVMFuncOp function) {
  SmallVector<ArgumentValues> values;
  for (auto [argument, value] : llvm::zip_equal(signature.arguments, function.getArguments().drop_front())) {
    if (argument.isScalar())
      values.push_back({toKernelScalar(entry, argument.type, value), {}, {}});
    else
      values.push_back(entry.loadView(value, argument.sizes.size()));
  }
  return values;
}

static Value isAnyViewNull(EntryBuilder &entry, const KernelSignature &signature, LLVM::LLVMFuncOp function) {
  Value nullView;
  for (auto [argument, value] : llvm::zip_equal(signature.arguments, function.getArguments().drop_front()))
    if (!argument.isScalar())
      nullView = entry.either(nullView, entry.isNull(value));
  return nullView;
}

void attn::buildCallWorkspaceSize(OpBuilder &b, KernelFunctions &kernel) {
  OpBuilder::InsertionGuard guard(b);
  const KernelSignature &signature = kernel.signature;
  Location loc = kernel.getLoc();
  EntryBuilder entry(b, loc);
  LLVM::LLVMFuncOp function = createFunction(b, loc, signature.getSymbol(kCallWorkspaceSuffix), b.getI64Type(),
                                             getEntryTypes(entry, signature));
  Block *first = function.addEntryBlock(b);
  Block *exit = b.createBlock(&function.getBody(), function.getBody().end(), b.getI64Type(), loc);
  LLVM::ReturnOp::create(b, loc, exit->getArgument(0));
  b.setInsertionPointToEnd(first);
  Value call = function.getArgument(0), none = entry.i64(0);
  entry.exitIf(entry.isNull(call), exit, none);
  if (Value nullView = isAnyViewNull(entry, signature, function))
    entry.exitIf(nullView, exit, none);
  // Only sizes count: data may be missing, so that one can ask before there is any.
  SmallVector<ArgumentValues> values = loadArguments(entry, signature, function);
  Value bad;
  for (auto [argument, value] : llvm::zip_equal(signature.arguments, values))
    for (auto [dimension, actual] : llvm::enumerate(value.sizes)) {
      bad = entry.either(bad, entry.compare(LLVM::ICmpPredicate::ugt, actual, entry.i64(ATTN_MAX_SIZE)));
      if (int64_t expected = argument.sizes[dimension]; !ShapedType::isDynamic(expected))
        bad = entry.either(bad, entry.compare(LLVM::ICmpPredicate::ne, actual, entry.i64(expected)));
    }
  entry.exitIf(bad, exit, none);
  SmallVector<Value> flat;
  entry.flatten(signature, values, flat);
  entry.flattenShared(signature, LLVM::ZeroOp::create(b, loc, entry.getPointer()), flat);
  Value status = LLVM::CallOp::create(b, loc, kernel.check, flat).getResult();
  Value workers = entry.loadMember(call, entry.getCallType(), {1}, b.getI32Type());
  Value isRefused = entry.either(entry.compare(LLVM::ICmpPredicate::ne, status, entry.i32(ATTN_OK)),
                                 entry.compare(LLVM::ICmpPredicate::slt, workers, entry.i32(1)));
  entry.exitIf(isRefused, exit, none);
  Value shared = LLVM::CallOp::create(b, loc, kernel.shared, flat).getResult();
  Value workers64 = LLVM::ZExtOp::create(b, loc, b.getI64Type(), workers);
  LLVM::BrOp::create(b, loc, ValueRange{getNeededBytes(entry, signature, workers64, shared)}, exit);
}

LLVM::LLVMFuncOp attn::buildEntry(OpBuilder &b, KernelFunctions &kernel, ArrayRef<LLVM::LLVMFuncOp> bodies) {
  OpBuilder::InsertionGuard guard(b);
  const KernelSignature &signature = kernel.signature;
  Location loc = kernel.getLoc();
  EntryBuilder entry(b, loc);
  LLVM::LLVMFuncOp function = createFunction(b, loc, signature.name, b.getI32Type(), getEntryTypes(entry, signature));
  Block *first = function.addEntryBlock(b);
  Block *exit = b.createBlock(&function.getBody(), function.getBody().end(), b.getI32Type(), loc);
  LLVM::ReturnOp::create(b, loc, exit->getArgument(0));
  b.setInsertionPointToEnd(first);

  // Allocated in the first block: anywhere else the stack would grow dynamically.
  Type contextType = entry.getContextType(signature);
  Value context;
  if (!bodies.empty())
    context = LLVM::AllocaOp::create(b, loc, entry.getPointer(), contextType, entry.i32(1), /*alignment=*/8);

  Value call = function.getArgument(0);
  Type callType = entry.getCallType();
  entry.exitIf(entry.isNull(call), exit, ATTN_ERROR_ABI);
  Value version = entry.loadMember(call, callType, {0}, b.getI32Type());
  entry.exitIf(entry.compare(LLVM::ICmpPredicate::ne, version, entry.i32(ATTN_ABI_VERSION)), exit, ATTN_ERROR_ABI);

  if (Value nullView = isAnyViewNull(entry, signature, function))
    entry.exitIf(nullView, exit, ATTN_ERROR_NULL);

  SmallVector<ArgumentValues> values = loadArguments(entry, signature, function);
  SmallVector<Value> flat;
  entry.flatten(signature, values, flat);
  size_t numArguments = flat.size();
  // Checks look at sizes only.
  entry.flattenShared(signature, LLVM::ZeroOp::create(b, loc, entry.getPointer()), flat);
  buildViewChecks(entry, signature, values, exit,
                  [&] { return LLVM::CallOp::create(b, loc, kernel.check, flat).getResult(); });

  // Only now is it known that elements may be read.
  if (kernel.checkValues) {
    Value status = LLVM::CallOp::create(b, loc, kernel.checkValues, flat).getResult();
    entry.exitIf(entry.compare(LLVM::ICmpPredicate::ne, status, entry.i32(ATTN_OK)), exit, status);
  }

  if (bodies.empty()) {
    Value blocks = LLVM::CallOp::create(b, loc, kernel.stages.front().tasks, flat).getResult();
    buildLaunch(entry, kernel, call, blocks, flat, exit);
    return function;
  }
  Value workers = entry.loadMember(call, callType, {1}, b.getI32Type());
  entry.exitIf(entry.compare(LLVM::ICmpPredicate::slt, workers, entry.i32(1)), exit, ATTN_ERROR_WORKERS);
  Value scratch = entry.loadMember(call, callType, {2}, entry.getPointer());
  Value shared = entry.i64(getSharedBytes(signature));
  if (kernel.shared)
    shared = LLVM::CallOp::create(b, loc, kernel.shared, flat).getResult();
  if (signature.workspaceBytes > 0 || signature.hasShared()) {
    Value bytes = entry.loadMember(call, callType, {3}, b.getI64Type());
    scratch = buildWorkspaceCheck(entry, signature, workers, shared, scratch, bytes, exit);
  }
  // What stages share lies before the slots.
  Value sharedBegin = scratch;
  if (signature.hasShared()) {
    flat.truncate(numArguments);
    entry.flattenShared(signature, sharedBegin, flat);
    scratch = LLVM::GEPOp::create(b, loc, entry.getPointer(), b.getI8Type(), scratch, LLVM::GEPArg(shared));
  }

  auto store = [&](Value value, ArrayRef<int32_t> path) {
    LLVM::StoreOp::create(b, loc, value, entry.member(context, contextType, path));
  };
  store(workers, {kContextWorkers});
  store(scratch, {kContextScratch});
  store(sharedBegin, {kContextShared});
  for (auto [index, argument] : llvm::enumerate(signature.arguments)) {
    int32_t field = kContextArguments + index;
    if (argument.isScalar()) {
      store(values[index].value, {field});
      continue;
    }
    store(values[index].value, {field, 0});
    for (int32_t i = 0, e = argument.sizes.size(); i < e; ++i) {
      store(values[index].sizes[i], {field, 1, i});
      store(values[index].strides[i], {field, 2, i});
    }
  }
  // One stage after the other: a later one reads what an earlier one wrote.
  for (auto [stage, body] : llvm::enumerate(bodies)) {
    StageFunctions &functions = kernel.stages[stage];
    Value tasks = LLVM::CallOp::create(b, loc, functions.tasks, flat).getResult();
    Block *run = new Block, *after = new Block;
    run->insertBefore(exit);
    after->insertBefore(exit);
    LLVM::CondBrOp::create(b, loc, entry.compare(LLVM::ICmpPredicate::slt, tasks, entry.i64(1)), after, run);
    b.setInsertionPointToEnd(run);
    Value splits = entry.i64(1);
    if (functions.splits) {
      Value workers64 = LLVM::ZExtOp::create(b, loc, b.getI64Type(), workers);
      SmallVector<Value> arguments(flat);
      arguments.push_back(workers64);
      splits = LLVM::CallOp::create(b, loc, functions.splits, arguments).getResult();
      buildCountReset(entry, signature, splits, workers, tasks, scratch, after);
      tasks = LLVM::MulOp::create(b, loc, tasks, splits);
    }
    store(splits, {kContextSplits});
    store(tasks, {kContextTasks});
    store(entry.i64(0), {kContextDone});
    buildTaskLoop(entry, body, call, context, contextType, tasks, after, exit);
    b.setInsertionPointToEnd(after);
  }
  LLVM::BrOp::create(b, loc, ValueRange{entry.i32(ATTN_OK)}, exit);
  return function;
}
