// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s | attn-opt | FileCheck %s

// CHECK-LABEL: func.func @f16
//       CHECK:   attn.append_kv %{{.+}}, %{{.+}} at(%{{.+}} : tensor<2xi32>) : (tensor<2x4x3x64xf16>, tensor<2x4x?x64xf16>) -> tensor<2x4x?x64xf16>
func.func @f16(%rows: tensor<2x4x3x64xf16>, %cache: tensor<2x4x?x64xf16>, %at: tensor<2xi32>) -> tensor<2x4x?x64xf16> {
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>)
    : (tensor<2x4x3x64xf16>, tensor<2x4x?x64xf16>) -> tensor<2x4x?x64xf16>
  return %0 : tensor<2x4x?x64xf16>
}

// CHECK-LABEL: func.func @int8_beside_each_other
//       CHECK:   attn.append_kv %{{.+}}, %{{.+}} at(%{{.+}} : tensor<?xindex>) layout(bnhd) : (
func.func @int8_beside_each_other(%rows: tensor<?x?x4x64xi8>, %cache: tensor<?x?x4x64xi8>, %at: tensor<?xindex>)
    -> tensor<?x?x4x64xi8> {
  %0 = attn.append_kv %rows, %cache at(%at : tensor<?xindex>) layout(bnhd)
    : (tensor<?x?x4x64xi8>, tensor<?x?x4x64xi8>) -> tensor<?x?x4x64xi8>
  return %0 : tensor<?x?x4x64xi8>
}
