// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_LIB_FUZZER_NAIVEKERNEL_H
#define ATTN_LIB_FUZZER_NAIVEKERNEL_H

#include "attn/Runner/Arguments.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace attn {

/// The function @kernel of a module of stage normalize, plan, tile or linalg, run by naive decomposition.
class NaiveKernel {
public:
  /// Takes a copy of `module`. `signature` is that of the compiled kernel.
  static llvm::Expected<std::unique_ptr<NaiveKernel>> create(mlir::ModuleOp module, const KernelSignature &signature);
  ~NaiveKernel();

  /// Overwrites the outputs of `arguments`. Memory of each call is lost: meant for short-lived processes.
  void call(Arguments &arguments) const;

private:
  explicit NaiveKernel(const KernelSignature &signature);

  const KernelSignature &signature;
  /// Whether results are returned, as at stages on tensors, or written into outputs.
  bool returnsResults = false;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*trampoline)(const void *const *) = nullptr;
};

} // namespace attn

#endif // ATTN_LIB_FUZZER_NAIVEKERNEL_H
