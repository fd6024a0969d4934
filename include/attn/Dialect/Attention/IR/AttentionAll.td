// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All ops of the dialect: what its page of the reference is made of.
include "attn/Dialect/Attention/IR/AttentionOps.td"
include "attn/Dialect/Attention/IR/StorageOps.td"
