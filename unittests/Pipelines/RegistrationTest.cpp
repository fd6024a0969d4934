// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "attn/Pipelines/Registration.h"

#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"

namespace {

// A plugin that also brought upstream's dialects would cost its host a second registration of each.
TEST(Registration, PluginBringsOurDialectOnly) {
  mlir::DialectRegistry registry;
  attn::registerAttnDialects(registry);
  EXPECT_TRUE(llvm::is_contained(registry.getDialectNames(), "attn"));
  EXPECT_FALSE(llvm::is_contained(registry.getDialectNames(), "linalg"));
}

TEST(Registration, ToolsSeeUpstreamToo) {
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  for (const char *name : {"attn", "func", "linalg", "llvm", "scf", "vector", "x86vector"})
    EXPECT_TRUE(llvm::is_contained(registry.getDialectNames(), name)) << name;
}

} // namespace
