// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shared by the parts of attn-emit-entry-points: the structs of Abi.h as LLVM types, and a small way to write checks.
#ifndef ATTN_LIB_TARGET_CPU_ENTRYBUILDER_H
#define ATTN_LIB_TARGET_CPU_ENTRYBUILDER_H

#include "attn-c/Abi.h"
#include "attn/Target/CPU/KernelSignature.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

namespace attn {

/// The functions of a stage before entry points exist; `splits` is null where keys are not divided.
struct StageFunctions {
  mlir::LLVM::LLVMFuncOp task, tasks, splits;
};

/// The functions of one kernel before entry points exist.
struct KernelFunctions {
  KernelSignature signature;
  llvm::SmallVector<StageFunctions> stages;
  /// `checkValues` is null where no element of an argument has to be looked at.
  mlir::LLVM::LLVMFuncOp check, checkValues;
  /// What `attn.launch` says of the kernel that merges; null where keys are not divided.
  mlir::LLVM::LLVMFuncOp merge;
  /// Bytes that stages hand on, where only a call knows them, else null.
  mlir::LLVM::LLVMFuncOp shared;
  /// The instruction set: "znver4", "sm_90".
  std::string cpu;

  mlir::Location getLoc() { return stages.front().task.getLoc(); }
  /// What `attn.launch` says of a task that is a kernel of a GPU; null for one that the host runs.
  mlir::DictionaryAttr getLaunch() { return stages.front().task->getAttrOfType<mlir::DictionaryAttr>("attn.launch"); }
};

/// One argument as values: a scalar, or data, sizes and strides of a view.
struct ArgumentValues {
  /// The scalar in the type that kernel functions take, or the data pointer.
  mlir::Value value;
  llvm::SmallVector<mlir::Value> sizes, strides;
};

/// Builds the body of one entry function. Checks end at one exit block that returns a status.
class EntryBuilder {
public:
  EntryBuilder(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  mlir::Type getPointer() { return mlir::LLVM::LLVMPointerType::get(b.getContext()); }
  /// attn_call.
  mlir::LLVM::LLVMStructType getCallType();
  /// attn_view<rank>_<any>.
  mlir::LLVM::LLVMStructType getViewType(unsigned rank);
  /// What tasks share: see ContextField; then one member for each argument (a view, or a scalar as kernels take it).
  mlir::LLVM::LLVMStructType getContextType(const KernelSignature &signature);
  /// The type by which kernel functions take this scalar: f16 is half.
  mlir::Type getKernelScalarType(ElementType type);
  /// The type by which C passes this scalar: f16 is 16 bits in an integer register, i1 is a byte.
  mlir::Type getAbiScalarType(ElementType type);

  mlir::Value constant(mlir::Type type, int64_t value);
  mlir::Value i32(int64_t value) { return constant(b.getI32Type(), value); }
  mlir::Value i64(int64_t value) { return constant(b.getI64Type(), value); }
  mlir::Value compare(mlir::LLVM::ICmpPredicate predicate, mlir::Value lhs, mlir::Value rhs);
  mlir::Value both(mlir::Value lhs, mlir::Value rhs);
  mlir::Value either(mlir::Value lhs, mlir::Value rhs);
  mlir::Value isNull(mlir::Value pointer);
  /// Address of a member of the struct at `base`.
  mlir::Value member(mlir::Value base, mlir::Type structType, llvm::ArrayRef<int32_t> path);
  mlir::Value loadMember(mlir::Value base, mlir::Type structType, llvm::ArrayRef<int32_t> path, mlir::Type type);
  /// Data, sizes and strides of the view at `base`.
  ArgumentValues loadView(mlir::Value base, unsigned rank);

  /// Appends the flat form of all arguments.
  void flatten(const KernelSignature &signature, llvm::ArrayRef<ArgumentValues> values,
               llvm::SmallVectorImpl<mlir::Value> &flat);
  /// Appends the flat form of the memory at `shared` that stages hand results on in, if the kernel has any.
  void flattenShared(const KernelSignature &signature, mlir::Value shared, llvm::SmallVectorImpl<mlir::Value> &flat);
  /// The types that flatten() and flattenShared() make.
  void flattenTypes(const KernelSignature &signature, llvm::SmallVectorImpl<mlir::Type> &types);

  /// Continues in a new block where `condition` is false; otherwise `exit` is entered with `status`.
  void exitIf(mlir::Value condition, mlir::Block *exit, mlir::Value status);
  void exitIf(mlir::Value condition, mlir::Block *exit, attn_status status);

  mlir::OpBuilder &b;
  mlir::Location loc;
};

/// Members of the context struct before those of the arguments.
enum ContextField : int32_t {
  kContextTasks,
  kContextDone,
  kContextWorkers,
  kContextScratch,
  kContextSplits,
  kContextShared,
  kContextArguments
};

/// A function of the module that `b` is in.
mlir::LLVM::LLVMFuncOp createFunction(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef name, mlir::Type result,
                                      llvm::ArrayRef<mlir::Type> arguments,
                                      mlir::LLVM::Linkage linkage = mlir::LLVM::Linkage::External);

/// Bytes that one worker adds to the workspace.
int64_t getSlotBytes(const KernelSignature &signature);
/// Bytes before the first slot, for what stages hand on.
int64_t getSharedBytes(const KernelSignature &signature);

/// `suffix` of the functions of a stage: those of the first have no number.
std::string getStageSuffix(llvm::StringRef suffix, size_t stage);

/// `internal void NAME_body(ptr context, i64 task, i32 worker)`: an attn_task_body, for each stage.
llvm::SmallVector<mlir::LLVM::LLVMFuncOp> buildTaskBodies(mlir::OpBuilder &b, KernelFunctions &kernel);

/// `size_t NAME_call_workspace_size(ptr call, views and scalars)`, where sizes decide: 0 for a call whose sizes are
/// refused.
void buildCallWorkspaceSize(mlir::OpBuilder &b, KernelFunctions &kernel);

/// All of the entry function of a kernel of a GPU behind the checks of views: hands `tasks` blocks to call->launch,
/// each with what is in `flat`, and returns.
void buildLaunch(EntryBuilder &entry, KernelFunctions &kernel, mlir::Value call, mlir::Value tasks,
                 llvm::SmallVector<mlir::Value> flat, mlir::Block *exit);
/// Continues with the caller's workspace, aligned, where it has the bytes for `workers`.
mlir::Value buildWorkspaceCheck(EntryBuilder &entry, const KernelSignature &signature, mlir::Value workers,
                                mlir::Value shared, mlir::Value scratch, mlir::Value bytes, mlir::Block *exit);

/// `i32 NAME(ptr call, views and scalars)`; there are no `bodies` for a kernel of a GPU.
mlir::LLVM::LLVMFuncOp buildEntry(mlir::OpBuilder &b, KernelFunctions &kernel,
                                  llvm::ArrayRef<mlir::LLVM::LLVMFuncOp> bodies);

/// Emits the checks of all views in the order of attn_status; they end in `exit`. `checkShapes` emits what is known of
/// sizes beyond those that are static, and returns a status.
void buildViewChecks(EntryBuilder &entry, const KernelSignature &signature, llvm::ArrayRef<ArgumentValues> values,
                     mlir::Block *exit, llvm::function_ref<mlir::Value()> checkShapes);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_ENTRYBUILDER_H
