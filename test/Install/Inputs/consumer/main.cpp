// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Dialect/Attention/IR/Attention.h"
#include "attn/Pipelines/Registration.h"

#include "mlir/IR/MLIRContext.h"

#include <cstdio>

int main() {
  mlir::DialectRegistry registry;
  attn::registerAttnDialects(registry);
  mlir::MLIRContext context(registry);
  if (!context.getOrLoadDialect<attn::AttnDialect>())
    return 1;
  std::puts("attn is registered");
}
