// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s | attn-opt | FileCheck %s

// CHECK-LABEL: func.func @f16
//       CHECK:   attn.gather_pages %{{.+}}, %{{.+}} : (tensor<?x4x16x64xf16>, tensor<2x20xi32>) -> tensor<2x4x320x64xf16>
func.func @f16(%pages: tensor<?x4x16x64xf16>, %table: tensor<2x20xi32>) -> tensor<2x4x320x64xf16> {
  %0 = attn.gather_pages %pages, %table : (tensor<?x4x16x64xf16>, tensor<2x20xi32>) -> tensor<2x4x320x64xf16>
  return %0 : tensor<2x4x320x64xf16>
}

// CHECK-LABEL: func.func @int8_beside_each_other
//       CHECK:   attn.gather_pages %{{.+}}, %{{.+}} layout(bnhd) : (
func.func @int8_beside_each_other(%pages: tensor<9x7x4x64xi8>, %table: tensor<?x?xindex>) -> tensor<?x?x4x64xi8> {
  %0 = attn.gather_pages %pages, %table layout(bnhd) : (tensor<9x7x4x64xi8>, tensor<?x?xindex>) -> tensor<?x?x4x64xi8>
  return %0 : tensor<?x?x4x64xi8>
}
