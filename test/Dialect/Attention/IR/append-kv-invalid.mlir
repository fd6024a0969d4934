// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -split-input-file -verify-diagnostics

// One case for each way to break a constraint; names carry the number of the constraint.

func.func @append_rank(%rows: tensor<4x3x64xf16>, %cache: tensor<2x4x9x64xf16>, %at: tensor<2xi32>) {
  // expected-error @below {{operand #0 must be [B,Hkv,T,D] (or [B,T,Hkv,D]) tensor of f16, bf16, f32, f64 or i8, but got 'tensor<4x3x64xf16>'}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>)
    : (tensor<4x3x64xf16>, tensor<2x4x9x64xf16>) -> tensor<2x4x9x64xf16>
  return
}

// -----

func.func @append_positions(%rows: tensor<2x4x3x64xf16>, %cache: tensor<2x4x9x64xf16>, %at: tensor<2xi16>) {
  // expected-error @below {{operand #2 must be [B] tensor of i32, i64 or index, but got 'tensor<2xi16>'}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi16>)
    : (tensor<2x4x3x64xf16>, tensor<2x4x9x64xf16>) -> tensor<2x4x9x64xf16>
  return
}

// -----

func.func @append_c1_element(%rows: tensor<2x4x3x64xf32>, %cache: tensor<2x4x9x64xf16>, %at: tensor<2xi32>) {
  // expected-error @below {{expects 'rows' and 'cache' to share the element type, got 'f32' and 'f16': convert the rows by an elementwise linalg.generic, which becomes part of the append}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>)
    : (tensor<2x4x3x64xf32>, tensor<2x4x9x64xf16>) -> tensor<2x4x9x64xf16>
  return
}

// -----

func.func @append_c1_heads(%rows: tensor<2x4x3x64xf16>, %cache: tensor<2x5x9x64xf16>, %at: tensor<2xi32>) {
  // expected-error @below {{expects 'rows' and 'cache' to share Hkv, got 4 and 5}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>)
    : (tensor<2x4x3x64xf16>, tensor<2x5x9x64xf16>) -> tensor<2x5x9x64xf16>
  return
}

// -----

func.func @append_c1_head_size(%rows: tensor<2x4x3x64xf16>, %cache: tensor<2x4x9x63xf16>, %at: tensor<2xi32>) {
  // expected-error @below {{expects 'rows' and 'cache' to share head size D, got 64 and 63}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>)
    : (tensor<2x4x3x64xf16>, tensor<2x4x9x63xf16>) -> tensor<2x4x9x63xf16>
  return
}

// -----

func.func @append_c2_positions(%rows: tensor<?x4x3x64xf16>, %cache: tensor<2x4x9x64xf16>, %at: tensor<3xi32>) {
  // expected-error @below {{expects 'cache' and 'positions' to share batch size B, got 2 and 3}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<3xi32>)
    : (tensor<?x4x3x64xf16>, tensor<2x4x9x64xf16>) -> tensor<2x4x9x64xf16>
  return
}

// -----

func.func @append_c3_capacity(%rows: tensor<2x10x4x64xf16>, %cache: tensor<2x9x4x64xf16>, %at: tensor<2xi32>) {
  // expected-error @below {{expects a cache of at least T rows, got C = 9 and T = 10}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>) layout(bnhd)
    : (tensor<2x10x4x64xf16>, tensor<2x9x4x64xf16>) -> tensor<2x9x4x64xf16>
  return
}

// -----

func.func @append_stray(%rows: tensor<2x4x3x64xf16>, %cache: tensor<2x4x9x64xf16>, %at: tensor<2xi32>) {
  // expected-error @below {{expects no attribute 'layuot', which nothing would honour}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>) {layuot = 1}
    : (tensor<2x4x3x64xf16>, tensor<2x4x9x64xf16>) -> tensor<2x4x9x64xf16>
  return
}
