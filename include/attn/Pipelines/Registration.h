// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_PIPELINES_REGISTRATION_H
#define ATTN_PIPELINES_REGISTRATION_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace attn {

/// Adds our dialects and their interface models to `registry`. A plugin needs no more: its host brings upstream's.
void registerAttnDialects(mlir::DialectRegistry &registry);

/// Registers our passes with the global pass registry. Call it once per process.
void registerAttnPasses();

/// Adds our dialects and all of upstream's, with their extensions, to `registry`.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers our passes and all of upstream's. Call it once per process.
void registerAllPasses();

} // namespace attn

#endif // ATTN_PIPELINES_REGISTRATION_H
