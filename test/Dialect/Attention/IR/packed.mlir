// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s | attn-opt | FileCheck %s

// CHECK-LABEL: func.func @plain
//       CHECK:   attn.packed %{{.+}}, %{{.+}}, %{{.+}} rows(%{{.+}} : tensor<4xindex>) keys(%{{.+}} : tensor<?xi64>) : (
func.func @plain(%q: tensor<20x8x64xf16>, %k: tensor<?x8x64xf16>, %v: tensor<30x8x48xf16>, %r: tensor<4xindex>,
                 %s: tensor<?xi64>) -> tensor<20x8x48xf16> {
  %o = attn.packed %q, %k, %v rows(%r : tensor<4xindex>) keys(%s : tensor<?xi64>)
    : (tensor<20x8x64xf16>, tensor<?x8x64xf16>, tensor<30x8x48xf16>) -> tensor<20x8x48xf16>
  return %o : tensor<20x8x48xf16>
}

// CHECK-LABEL: func.func @everything
//       CHECK:   attn.packed {{.+}} causal(top_left) scale(5.000000e-01) returns(out, lse) : (
func.func @everything(%q: tensor<?x?x?xf32>, %k: tensor<?x?x?xf32>, %s: tensor<?xi32>) -> tensor<?x?xf32> {
  %o, %l = attn.packed %q, %k, %k rows(%s : tensor<?xi32>) keys(%s : tensor<?xi32>) causal(top_left) scale(0.5)
    returns(out, lse) : (tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>, tensor<?x?xf32>
  return %l : tensor<?x?xf32>
}
