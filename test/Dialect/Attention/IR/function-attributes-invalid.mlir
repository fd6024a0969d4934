// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a function says to this compiler is honoured or refused.
// RUN: attn-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{'func.func' op argument 1: expects no attribute 'attn.aligned', which nothing would honour (attn.name would)}}
func.func @argument(%q: tensor<2x4xf32> {attn.name = "q"}, %k: tensor<2x4xf32> {attn.aligned = 64 : i64}) {
  return
}

// -----

// expected-error @below {{'func.func' op argument 0: expects 'attn.name' to be a string, got 3 : i64}}
func.func @number(%q: tensor<2x4xf32> {attn.name = 3 : i64}) {
  return
}

// -----

// expected-error @below {{'func.func' op result 0: expects no attribute 'attn.layout', which nothing would honour (attn.name would)}}
func.func @result(%q: tensor<2x4xf32>) -> (tensor<2x4xf32> {attn.layout = "bnhd"}) {
  return %q : tensor<2x4xf32>
}

// -----

// expected-error @below {{'func.func' op expects no attribute 'attn.threads', which nothing would honour}}
func.func @kernel(%q: tensor<2x4xf32>) attributes {attn.threads = 2 : i64} {
  return
}
