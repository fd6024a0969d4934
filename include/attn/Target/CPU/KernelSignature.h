// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the world outside knows of a compiled kernel: its name, arguments and need of scratch memory. It is written on
// the IR as the attribute `attn.kernel`, from which entry points, headers and calls are made.
#ifndef ATTN_TARGET_CPU_KERNELSIGNATURE_H
#define ATTN_TARGET_CPU_KERNELSIGNATURE_H

#include "attn/Support/ElementType.h"
#include "attn/Support/KernelAttributes.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace attn {

/// The name of the attribute: on the task function before attn-emit-entry-points, on the entry function after it.
constexpr llvm::StringLiteral kKernelAttrName = "attn.kernel";

/// An entry of that attribute: there is a function NAME_check_values.
constexpr llvm::StringLiteral kChecksValuesName = "checks_values";

/// Of a kernel for a GPU: suffix (getSymbol()) of the constant that holds its image, and what ends the names of its
/// attn_gpu_kernel constants.
constexpr llvm::StringLiteral kImageSuffix = "image", kDescriptionSuffix = "_info";

/// An entry of that attribute: there is a function NAME_shared, which says how many bytes stages hand on in a call.
constexpr llvm::StringLiteral kSharedOfCallName = "shared_of_call";

/// The suffix (getSymbol()) of the question how much workspace a call needs, where sizes decide.
constexpr llvm::StringLiteral kCallWorkspaceSuffix = "call_workspace_size";

/// Scratch, buffers and partial states start at multiples of this many bytes: a cache line, and the widest vector.
constexpr int64_t kWorkspaceAlignment = 64;

/// Row tiles times parts of their keys are at most so many for each worker, wherever keys are divided.
constexpr int64_t kMostPartsPerWorker = 5;

/// One argument of a kernel as a C caller sees it.
struct KernelArgument {
  /// An InOut stands among the inputs, and is written in place.
  enum class Kind { Input, Output, Scalar, InOut };
  Kind kind;
  /// A C identifier, different from the other arguments'.
  std::string name;
  ElementType type;
  /// Static sizes, ShapedType::kDynamic where the caller chooses; empty for scalars and rank 0.
  llvm::SmallVector<int64_t> sizes;

  bool isScalar() const { return kind == Kind::Scalar; }
  bool isWritten() const { return kind == Kind::Output || kind == Kind::InOut; }
  /// "input", "inout", "output" or "scalar".
  llvm::StringRef getKindName() const;
};

/// A kernel as a C caller sees it.
struct KernelSignature {
  std::string name;
  /// Scratch of one worker (of a GPU: of what it runs at a time), in bytes; 0 when the kernel needs none. Its share of
  /// the partial states is part of it.
  int64_t workspaceBytes = 0;
  /// Where keys may be divided among workers: the state of one part of a row tile, in bytes; else 0.
  int64_t partialBytes = 0;
  /// Memory for what stages hand to later ones, shared by all workers, in bytes: that of static sizes.
  int64_t sharedBytes = 0;
  /// Whether it is a kernel of a GPU, whose workers have no scratch of their own.
  bool isLaunched = false;
  /// Whether stages hand on more, of sizes that only a call knows: NAME_call_workspace_size then says how much.
  bool isSharedOfCall = false;
  /// Parallel loops, one after the other.
  int64_t stages = 1;
  /// Inputs, those that are written in place too, and scalars in order, then outputs.
  std::vector<KernelArgument> arguments;

  /// Whether stages hand anything to later ones in memory of their own.
  bool hasShared() const { return sharedBytes > 0 || isSharedOfCall; }

  /// What of `workspaceBytes` belongs to one worker alone: scratch of a task, and behind it what the parts of a row
  /// tile would share, for one that is not divided.
  int64_t getPrivateBytes() const;

  /// The name of the entry point for the ABI question `suffix`: "workspace_size", "abi_version", "description".
  std::string getSymbol(llvm::StringRef suffix) const { return name + "_" + suffix.str(); }

  /// Reads `attn.kernel` of `op`. Emits an error on `op` and fails when it is missing or malformed, when an element
  /// type cannot cross the C interface, a rank is above 6, or an output comes before an input.
  static mlir::FailureOr<KernelSignature> get(mlir::Operation *op);
};

/// The JSON text that NAME_description() returns. `cpu` names the instruction set.
std::string describeKernel(const KernelSignature &signature, llvm::StringRef cpu);

/// What NAME_description() says.
struct KernelDescription {
  KernelSignature signature;
  std::string cpu;
};

/// Reads a text of describeKernel(). Fails if it is of another ABI version or no such text.
llvm::Expected<KernelDescription> parseKernelDescription(llvm::StringRef json);

/// Signatures of all entry functions of a module after attn-emit-entry-points, in order.
mlir::FailureOr<std::vector<KernelSignature>> getKernelSignatures(mlir::Operation *module);

} // namespace attn

#endif // ATTN_TARGET_CPU_KERNELSIGNATURE_H
