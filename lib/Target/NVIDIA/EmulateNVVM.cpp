// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-emulate-nvvm: from NVVM ops to calls of the emulator. It takes a kernel as it goes to the PTX assembler, so that
// what is tested is what is shipped; nothing about the kernel's arithmetic is known here. Values cross into the
// emulator as integers, floats and addresses; fragments go through one small buffer on the stack of each function.
#include "attn/Target/NVIDIA/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Path.h"

#define DEBUG_TYPE "attn-emulate-nvvm"

namespace attn {
#define GEN_PASS_DEF_ATTNEMULATENVVMPASS
#include "attn/Target/NVIDIA/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

constexpr unsigned kSharedSpace = 3;
/// Of the buffer for fragments, in 32-bit words: A, B, C, D.
constexpr int kA = 0, kB = 4, kC = 6, kD = 10, kWords = 14;

/// The number by which attn_emu_register() knows a special register, or -1. Four a name: x, y, z.
int getRegister(StringRef op) {
  if (!op.consume_front("nvvm.read.ptx.sreg."))
    return -1;
  if (op == "laneid")
    return 16;
  if (op.size() < 3 || op[op.size() - 2] != '.')
    return -1;
  int axis = op.back() - 'x';
  int base = llvm::StringSwitch<int>(op.drop_back(2))
                 .Case("tid", 0)
                 .Case("ntid", 4)
                 .Case("ctaid", 8)
                 .Case("nctaid", 12)
                 .Default(-1);
  return base < 0 || axis < 0 || axis > 2 ? -1 : base + axis;
}

/// Whether an address is one of the thread's own stack, as far as can be seen.
bool isLocal(Value address) {
  for (;;) {
    Operation *op = address.getDefiningOp();
    if (isa_and_nonnull<LLVM::GEPOp, LLVM::AddrSpaceCastOp, LLVM::BitcastOp>(op))
      address = op->getOperand(0);
    else
      return isa_and_nonnull<LLVM::AllocaOp>(op);
  }
}

bool isShared(Type type) {
  auto pointer = dyn_cast<LLVM::LLVMPointerType>(type);
  return pointer && pointer.getAddressSpace() == kSharedSpace;
}

/// The place of an op in a file, or nothing.
std::string getPlace(Location location) {
  std::string place;
  location->walk([&](Location part) {
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file)
      return WalkResult::advance();
    place = llvm::sys::path::filename(file.getFilename()).str() + ":" + std::to_string(file.getLine()) + ":" +
            std::to_string(file.getColumn());
    return WalkResult::interrupt();
  });
  return place;
}

struct EmulateNVVM : impl::AttnEmulateNVVMPassBase<EmulateNVVM> {
  using Base::Base;

  void runOnOperation() override {
    module = getOperation();
    sites = 0;
    offsets.clear();
    functions.clear();
    if (failed(flattenGpuModules()) || failed(placeShared()))
      return signalPassFailure();
    SmallVector<LLVM::LLVMFuncOp> bodies;
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      if (!function.isExternal())
        bodies.push_back(function);
    bool isFailed = false;
    for (LLVM::LLVMFuncOp function : bodies)
      isFailed |= failed(convert(function));
    for (auto global : llvm::make_early_inc_range(module.getOps<LLVM::GlobalOp>()))
      if (global.getAddrSpace() == kSharedSpace && !isFailed)
        global.erase();
    if (isFailed)
      return signalPassFailure();
    for (LLVM::LLVMFuncOp function : bodies)
      if (function->hasAttr("nvvm.kernel"))
        addEntry(function);
    for (LLVM::LLVMFuncOp function : bodies)
      for (NamedAttribute attr : llvm::to_vector(function->getDiscardableAttrs()))
        if (attr.getName().strref().starts_with("nvvm.") || attr.getName().strref().starts_with("gpu."))
          function->removeDiscardableAttr(attr.getName());
    // The kernel is the host's now; what described the device would contradict it.
    for (StringRef name : {"llvm.data_layout", "llvm.target_triple", "gpu.container_module", "dlti.dl_spec"})
      module->removeAttr(name);
  }

private:
  LogicalResult flattenGpuModules() {
    SymbolTable symbols(module);
    for (auto gpuModule : llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>())) {
      for (Operation &op : llvm::make_early_inc_range(*gpuModule.getBody())) {
        if (auto symbol = dyn_cast<SymbolOpInterface>(op); symbol && symbols.lookup(symbol.getName()))
          return op.emitError() << "expects each name once among the module and its gpu.modules, got '"
                                << symbol.getName() << "' twice";
        op.moveBefore(module.getBody(), module.getBody()->end());
        if (isa<SymbolOpInterface>(op))
          symbols.insert(&op);
      }
      symbols.erase(gpuModule);
    }
    return success();
  }

  /// Shared globals lie one after the other; those without a size, which the launch gives one, come last.
  LogicalResult placeShared() {
    DataLayout layout;
    int64_t end = 0;
    SmallVector<LLVM::GlobalOp> dynamic;
    for (auto global : module.getOps<LLVM::GlobalOp>()) {
      if (global.getAddrSpace() != kSharedSpace)
        return global.emitError()
               << "global variables outside of shared memory (address space 3) are not emulated, got "
                  "address space "
               << global.getAddrSpace();
      int64_t size = layout.getTypeSize(global.getGlobalType());
      if (!size) {
        dynamic.push_back(global);
        continue;
      }
      end = llvm::alignTo(end, global.getAlignment().value_or(layout.getTypeABIAlignment(global.getGlobalType())));
      offsets[global.getSymName()] = end;
      end += size;
    }
    // One place for all of them, as in CUDA, as far aligned as any of them asks.
    for (LLVM::GlobalOp global : dynamic)
      end = llvm::alignTo(end, global.getAlignment().value_or(16));
    for (LLVM::GlobalOp global : dynamic)
      offsets[global.getSymName()] = end;
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    LLVM::GlobalOp::create(b, module.getLoc(), b.getI64Type(), /*isConstant=*/true, LLVM::Linkage::External,
                           "attn_emu_static_shared_bytes", b.getI64IntegerAttr(end));
    return success();
  }

  // What the calls below are made of.

  Value word(OpBuilder &b, Location loc, int64_t value) {
    return LLVM::ConstantOp::create(b, loc, b.getI32Type(), b.getI32IntegerAttr(value));
  }

  Value generic(OpBuilder &b, Value pointer) {
    auto type = LLVM::LLVMPointerType::get(b.getContext());
    return pointer.getType() == type ? pointer : LLVM::AddrSpaceCastOp::create(b, pointer.getLoc(), type, pointer);
  }

  LLVM::CallOp call(OpBuilder &b, Location loc, StringRef name, TypeRange result, ValueRange operands) {
    LLVM::LLVMFuncOp &function = functions[name];
    if (!function) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(module.getBody());
      Type type = result.empty() ? LLVM::LLVMVoidType::get(b.getContext()) : result.front();
      function = LLVM::LLVMFuncOp::create(b, module.getLoc(), name,
                                          LLVM::LLVMFunctionType::get(type, llvm::to_vector(operands.getTypes())));
    }
    return LLVM::CallOp::create(b, loc, function, operands);
  }

  /// A text that says where `op` is, and is an address of its own.
  Value site(OpBuilder &b, Operation *op) {
    std::string place = getPlace(op->getLoc());
    std::string text = op->getName().getStringRef().str() +
                       (place.empty() ? " number " + std::to_string(sites) : " at " + place) + '\0';
    std::string name = "attn_emu_site_" + std::to_string(sites++);
    OpBuilder::InsertionGuard guard(b);
    OpBuilder atEnd = OpBuilder::atBlockEnd(module.getBody());
    auto global = LLVM::GlobalOp::create(atEnd, op->getLoc(), LLVM::LLVMArrayType::get(b.getI8Type(), text.size()),
                                         /*isConstant=*/true, LLVM::Linkage::Internal, name, b.getStringAttr(text));
    return LLVM::AddressOfOp::create(b, op->getLoc(), global);
  }

  Value at(OpBuilder &b, Location loc, int word) {
    return LLVM::GEPOp::create(b, loc, buffer.getType(), b.getI32Type(), buffer, ArrayRef<LLVM::GEPArg>{word});
  }

  void put(OpBuilder &b, Location loc, int word, ValueRange values) {
    for (auto [i, value] : llvm::enumerate(values))
      LLVM::StoreOp::create(b, loc, value, at(b, loc, word + i));
  }

  /// `type`, a struct of 32-bit values or one of them, out of the buffer.
  Value take(OpBuilder &b, Location loc, int word, Type type) {
    auto aggregate = dyn_cast<LLVM::LLVMStructType>(type);
    if (!aggregate)
      return LLVM::LoadOp::create(b, loc, type, at(b, loc, word));
    Value result = LLVM::PoisonOp::create(b, loc, type);
    for (auto [i, element] : llvm::enumerate(aggregate.getBody()))
      result = LLVM::InsertValueOp::create(
          b, loc, result, LLVM::LoadOp::create(b, loc, element, at(b, loc, word + int(i))).getResult(), i);
    return result;
  }

  Value bits(OpBuilder &b, Location loc, Type type, Value value) {
    return value.getType() == type ? value : LLVM::BitcastOp::create(b, loc, type, value);
  }

  LogicalResult convert(LLVM::LLVMFuncOp function) {
    OpBuilder entry = OpBuilder::atBlockBegin(&function.getBody().front());
    buffer = LLVM::AllocaOp::create(entry, function.getLoc(), LLVM::LLVMPointerType::get(&getContext()),
                                    entry.getI32Type(), word(entry, function.getLoc(), kWords), /*alignment=*/16);
    SmallVector<Operation *> ops;
    function.walk([&](Operation *op) { ops.push_back(op); });
    bool isFailed = false;
    for (Operation *op : ops)
      isFailed |= failed(convert(op));
    return failure(isFailed);
  }

  LogicalResult convert(Operation *op) {
    OpBuilder b(op);
    Location loc = op->getLoc();
    Type i32 = b.getI32Type(), ptr = LLVM::LLVMPointerType::get(&getContext());
    auto replace = [&](ValueRange values) {
      op->replaceAllUsesWith(values);
      op->erase();
      return success();
    };
    if (int number = getRegister(op->getName().getStringRef()); number >= 0)
      return replace(call(b, loc, "attn_emu_register", i32, word(b, loc, number)).getResults());
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](NVVM::WarpSizeOp) { return replace(word(b, loc, 32)); })
        .Case([&](NVVM::Barrier0Op) {
          call(b, loc, "attn_emu_barrier", {}, {word(b, loc, 0), word(b, loc, 0), site(b, op)});
          return replace({});
        })
        .Case([&](NVVM::BarrierOp barrier) -> LogicalResult {
          if (barrier.getReductionOp())
            return barrier.emitOpError("with a reduction is not emulated");
          Value id = barrier.getBarrierId(), threads = barrier.getNumberOfThreads();
          call(b, loc, "attn_emu_barrier", {},
               {id ? id : word(b, loc, 0), threads ? threads : word(b, loc, 0), site(b, op)});
          return replace({});
        })
        .Case([&](NVVM::SyncWarpOp sync) {
          call(b, loc, "attn_emu_warp_sync", {}, {sync.getMask(), site(b, op)});
          return replace({});
        })
        .Case([&](NVVM::ShflOp shuffle) {
          Value isValid = at(b, loc, kB);
          Value result = call(b, loc, "attn_emu_shuffle", i32,
                              {word(b, loc, int64_t(shuffle.getKind())), shuffle.getThreadMask(),
                               bits(b, loc, i32, shuffle.getVal()), shuffle.getOffset(), shuffle.getMaskAndClamp(),
                               isValid, site(b, op)})
                             .getResult();
          result = bits(b, loc, shuffle.getVal().getType(), result);
          if (!shuffle.getReturnValueAndIsValid())
            return replace(result);
          Value pair = LLVM::PoisonOp::create(b, loc, shuffle.getType());
          Value valid =
              LLVM::TruncOp::create(b, loc, b.getI1Type(), LLVM::LoadOp::create(b, loc, b.getI8Type(), isValid));
          pair = LLVM::InsertValueOp::create(b, loc, pair, result, ArrayRef<int64_t>{0});
          return replace(LLVM::InsertValueOp::create(b, loc, pair, valid, ArrayRef<int64_t>{1}).getResult());
        })
        .Case([&](NVVM::LdMatrixOp load) -> LogicalResult {
          if (load.getShape().getM() != 8 || load.getShape().getN() != 8 ||
              load.getEltType() != NVVM::LdStMatrixEltType::B16)
            return load.emitOpError("is emulated for 8x8 matrices of b16 only");
          bool transposed = load.getLayout() == NVVM::MMALayout::col;
          call(b, loc, "attn_emu_ldmatrix", {},
               {generic(b, load.getPtr()), word(b, loc, load.getNum()), word(b, loc, transposed), at(b, loc, kA),
                site(b, op)});
          return replace(take(b, loc, kA, load.getType()));
        })
        .Case([&](NVVM::MmaOp mma) -> LogicalResult {
          NVVM::MMAShapeAttr shape = mma.getShape();
          auto type = mma.getMultiplicandAPtxType(), typeB = mma.getMultiplicandBPtxType();
          bool isHalf = type == typeB && (type == NVVM::MMATypes::f16 || type == NVVM::MMATypes::bf16);
          bool isTf32 = type == typeB && type == NVVM::MMATypes::tf32;
          if (shape.getM() != 16 || shape.getN() != 8 ||
              !((isHalf && shape.getK() == 16) || (isTf32 && shape.getK() == 8)) ||
              mma.getLayoutA() != NVVM::MMALayout::row || mma.getLayoutB() != NVVM::MMALayout::col ||
              mma.getOperandC().size() != 4)
            return mma.emitOpError("is emulated for m16n8k16 of f16 or bf16 and m16n8k8 of tf32, with f32 sums, only");
          put(b, loc, kA, mma.getOperandA());
          put(b, loc, kB, mma.getOperandB());
          put(b, loc, kC, mma.getOperandC());
          if (isTf32)
            call(b, loc, "attn_emu_mma_tf32", {},
                 {at(b, loc, kA), at(b, loc, kB), at(b, loc, kC), at(b, loc, kD), site(b, op)});
          else
            call(b, loc, "attn_emu_mma", {},
                 {word(b, loc, type == NVVM::MMATypes::bf16), at(b, loc, kA), at(b, loc, kB), at(b, loc, kC),
                  at(b, loc, kD), site(b, op)});
          return replace(take(b, loc, kD, mma.getType()));
        })
        .Case([&](NVVM::CpAsyncOp copy) {
          Value bytes = word(b, loc, copy.getSize());
          call(b, loc, "attn_emu_cp_async", {},
               {generic(b, copy.getDst()), generic(b, copy.getSrc()), bytes,
                copy.getCpSize() ? copy.getCpSize() : bytes, site(b, op)});
          return replace({});
        })
        .Case([&](NVVM::CpAsyncCommitGroupOp) {
          call(b, loc, "attn_emu_cp_async_commit", {}, {});
          return replace({});
        })
        .Case([&](NVVM::CpAsyncWaitGroupOp wait) {
          call(b, loc, "attn_emu_cp_async_wait", {}, word(b, loc, wait.getN()));
          return replace({});
        })
        .Case([&](NVVM::ConvertFloatToTF32Op convert) -> LogicalResult {
          if (convert.getRnd() != NVVM::FPRoundingMode::RNA || convert.getSat() != NVVM::SaturationMode::NONE ||
              convert.getRelu())
            return convert.emitOpError("is emulated with rounding rna, without saturation and relu, only");
          return replace(call(b, loc, "attn_emu_cvt_rna_tf32", i32, convert.getSrc()).getResults());
        })
        .Case([&](NVVM::RcpApproxFtzF32Op rcp) {
          return replace(call(b, loc, "attn_emu_rcp_ftz", rcp.getType(), rcp.getArg()).getResults());
        })
        .Case([&](LLVM::CallIntrinsicOp intrinsic) -> LogicalResult {
          StringRef function =
              llvm::StringSwitch<StringRef>(intrinsic.getIntrin())
                  .Cases({"llvm.nvvm.ex2.approx.ftz.f32", "llvm.nvvm.ex2.approx.ftz.f"}, "attn_emu_ex2_ftz")
                  .Cases({"llvm.nvvm.ex2.approx.f32", "llvm.nvvm.ex2.approx.f"}, "attn_emu_ex2")
                  .Default("");
          if (function.empty() && intrinsic.getIntrin().starts_with("llvm.nvvm."))
            return intrinsic.emitOpError()
                   << "of '" << intrinsic.getIntrin() << "' is not emulated (llvm.nvvm.ex2.approx.* are)";
          if (function.empty())
            return success();
          return replace(call(b, loc, function, b.getF32Type(), intrinsic.getArgs()).getResults());
        })
        .Case([&](LLVM::AddressOfOp address) {
          if (!isShared(address.getType()))
            return success();
          Value offset = LLVM::ConstantOp::create(b, loc, b.getI64Type(),
                                                  b.getI64IntegerAttr(offsets.lookup(address.getGlobalName())));
          Value base = call(b, loc, "attn_emu_shared", ptr, offset).getResult();
          return replace(LLVM::AddrSpaceCastOp::create(b, loc, address.getType(), base).getResult());
        })
        .Case(
            [&](LLVM::LoadOp load) { return convertAccess(b, op, load.getAddr(), load.getType(), /*isWrite=*/false); })
        .Case([&](LLVM::StoreOp store) {
          return convertAccess(b, op, store.getAddr(), store.getValue().getType(), /*isWrite=*/true);
        })
        .Case([&](LLVM::PtrToIntOp cast) -> LogicalResult {
          if (isShared(cast.getArg().getType()))
            return cast.emitOpError("of an address of shared memory is not emulated: compute with offsets, "
                                    "then llvm.getelementptr");
          return success();
        })
        .Case<LLVM::AtomicRMWOp, LLVM::AtomicCmpXchgOp, LLVM::InlineAsmOp, LLVM::MemcpyOp, LLVM::MemsetOp,
              LLVM::MemmoveOp, LLVM::IntToPtrOp>(
            [&](Operation *) -> LogicalResult { return op->emitOpError("is not emulated"); })
        .Default([&](Operation *) -> LogicalResult {
          if (op->getName().getDialectNamespace() == "nvvm")
            return op->emitOpError("is not emulated (attn-emulate-nvvm lists what is: attn-opt --help, "
                                   "docs/reference/AttnTargetNVIDIAPasses.md)");
          return success();
        });
  }

  LogicalResult convertAccess(OpBuilder &b, Operation *op, Value address, Type type, bool isWrite) {
    if (isLocal(address))
      return success();
    Location loc = op->getLoc();
    int64_t bytes = DataLayout::closest(op).getTypeSize(type);
    call(b, loc, "attn_emu_access", {}, {generic(b, address), word(b, loc, bytes), word(b, loc, isWrite), site(b, op)});
    return success();
  }

  /// void attn_emu_kernel_NAME(ptr): loads the arguments and calls the kernel.
  void addEntry(LLVM::LLVMFuncOp kernel) {
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    Location loc = kernel.getLoc();
    Type ptr = LLVM::LLVMPointerType::get(&getContext());
    auto entry = LLVM::LLVMFuncOp::create(b, loc, ("attn_emu_kernel_" + kernel.getName()).str(),
                                          LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()), ptr));
    b.setInsertionPointToStart(entry.addEntryBlock(b));
    SmallVector<Value> arguments;
    for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
      Value slot = LLVM::GEPOp::create(b, loc, ptr, ptr, entry.getArgument(0), ArrayRef<LLVM::GEPArg>{int32_t(i)});
      Value address = LLVM::LoadOp::create(b, loc, ptr, slot);
      arguments.push_back(LLVM::LoadOp::create(b, loc, type, address));
    }
    LLVM::CallOp::create(b, loc, kernel, arguments);
    LLVM::ReturnOp::create(b, loc, ValueRange());
  }

  ModuleOp module;
  Value buffer;
  int64_t sites = 0;
  llvm::StringMap<int64_t> offsets;
  llvm::StringMap<LLVM::LLVMFuncOp> functions;
};

} // namespace
} // namespace attn
