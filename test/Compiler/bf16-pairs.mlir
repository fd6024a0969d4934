// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-compile %s --cpu=znver4 --stop-after=plan --emit=mlir -o - | FileCheck %s --check-prefix=PAIRS
// RUN: attn-compile %s --cpu=cooperlake --stop-after=plan --emit=mlir -o - | FileCheck %s --check-prefix=PAIRS
// RUN: attn-compile %s --cpu=sapphirerapids --stop-after=plan --emit=mlir -o - | FileCheck %s --check-prefix=WIDE
// RUN: attn-compile %s --cpu=icelake-server --stop-after=plan --emit=mlir -o - | FileCheck %s --check-prefix=WIDE

// bf16 is multiplied in pairs where that is faster: Sapphire Rapids has the instruction, at half the rate of f32.

// PAIRS: attn.plan = #attn.plan<product, {{.*}}precision = bf16>
// PAIRS: attn.plan = #attn.plan<online, {{.*}}precision = bf16
// WIDE-NOT: precision = bf16
func.func @f(%q: tensor<1x2x70x16xbf16>, %x: tensor<70x24xbf16>, %w: tensor<24x32xbf16>)
    -> (tensor<1x2x70x16xbf16>, tensor<70x32xf32>) {
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<70x32xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<70x32xf32>) -> tensor<70x32xf32>
  %p = linalg.matmul ins(%x, %w : tensor<70x24xbf16>, tensor<24x32xbf16>) outs(%zeros : tensor<70x32xf32>) -> tensor<70x32xf32>
  %o = attn.sdpa %q, %q, %q : (tensor<1x2x70x16xbf16>, tensor<1x2x70x16xbf16>, tensor<1x2x70x16xbf16>) -> tensor<1x2x70x16xbf16>
  return %o, %p : tensor<1x2x70x16xbf16>, tensor<70x32xf32>
}
