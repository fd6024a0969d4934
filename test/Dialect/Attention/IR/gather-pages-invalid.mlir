// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -split-input-file -verify-diagnostics

// One case for each way to break a constraint; names carry the number of the constraint.

func.func @gather_table(%pages: tensor<9x4x16x64xf16>, %table: tensor<2xi32>) {
  // expected-error @below {{operand #1 must be [B,R] tensor of i32, i64 or index, but got 'tensor<2xi32>'}}
  %0 = attn.gather_pages %pages, %table : (tensor<9x4x16x64xf16>, tensor<2xi32>) -> tensor<2x4x32x64xf16>
  return
}

// -----

func.func @gather_c1_unknown_rows(%pages: tensor<9x4x?x64xf16>, %table: tensor<2x2xi32>) {
  // expected-error @below {{expects pages of a static number S of rows, at least 1, got an unknown one}}
  %0 = attn.gather_pages %pages, %table : (tensor<9x4x?x64xf16>, tensor<2x2xi32>) -> tensor<2x4x32x64xf16>
  return
}

// -----

func.func @gather_c1_no_rows(%pages: tensor<9x0x4x64xf16>, %table: tensor<2x2xi32>) {
  // expected-error @below {{expects pages of a static number S of rows, at least 1, got 0}}
  %0 = attn.gather_pages %pages, %table layout(bnhd) : (tensor<9x0x4x64xf16>, tensor<2x2xi32>) -> tensor<2x0x4x64xf16>
  return
}

// -----

func.func @gather_c1_no_page(%pages: tensor<0x4x16x64xf16>, %table: tensor<2x2xi32>) {
  // expected-error @below {{expects at least one page, got P = 0}}
  %0 = attn.gather_pages %pages, %table : (tensor<0x4x16x64xf16>, tensor<2x2xi32>) -> tensor<2x4x32x64xf16>
  return
}

// -----

func.func @gather_c2_element(%pages: tensor<9x4x16x64xf16>, %table: tensor<2x2xi32>) {
  // expected-error @below {{expects 'pages' and the result to share the element type, got 'f16' and 'f32'}}
  %0 = attn.gather_pages %pages, %table : (tensor<9x4x16x64xf16>, tensor<2x2xi32>) -> tensor<2x4x32x64xf32>
  return
}

// -----

func.func @gather_c2_heads(%pages: tensor<9x4x16x64xf16>, %table: tensor<2x2xi32>) {
  // expected-error @below {{expects 'pages' and 'result' to share Hkv, got 4 and 5}}
  %0 = attn.gather_pages %pages, %table : (tensor<9x4x16x64xf16>, tensor<2x2xi32>) -> tensor<2x5x32x64xf16>
  return
}

// -----

func.func @gather_c2_batch(%pages: tensor<9x4x16x64xf16>, %table: tensor<2x2xi32>) {
  // expected-error @below {{expects 'table' and 'result' to share batch size B, got 2 and 3}}
  %0 = attn.gather_pages %pages, %table : (tensor<9x4x16x64xf16>, tensor<2x2xi32>) -> tensor<3x4x32x64xf16>
  return
}

// -----

func.func @gather_c3_keys(%pages: tensor<9x4x16x64xf16>, %table: tensor<2x2xi32>) {
  // expected-error @below {{expects M = R * S keys, got M = 33, S = 16 and R = 2}}
  %0 = attn.gather_pages %pages, %table : (tensor<9x4x16x64xf16>, tensor<2x2xi32>) -> tensor<2x4x33x64xf16>
  return
}

// -----

func.func @gather_c3_no_multiple(%pages: tensor<9x4x16x64xf16>, %table: tensor<2x?xi32>) {
  // expected-error @below {{expects M = R * S keys, got M = 40, S = 16 and R = ?}}
  %0 = attn.gather_pages %pages, %table : (tensor<9x4x16x64xf16>, tensor<2x?xi32>) -> tensor<2x4x40x64xf16>
  return
}
