// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-decompose-naively),one-shot-bufferize{bufferize-function-boundaries},convert-linalg-to-loops,canonicalize,expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-math-to-llvm,convert-math-to-libm,finalize-memref-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts)' \
// RUN:   | mlir-runner -e main -entry-point-result=void -shared-libs=%llvm_prefix/lib/libmlir_runner_utils.so,%llvm_prefix/lib/libmlir_c_runner_utils.so | FileCheck %s
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan,attn-tile-and-fuse,attn-decompose-naively),one-shot-bufferize{bufferize-function-boundaries},convert-linalg-to-loops,func.func(scf-forall-to-for),canonicalize,expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-math-to-llvm,convert-math-to-libm,finalize-memref-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts)' \
// RUN:   | mlir-runner -e main -entry-point-result=void -shared-libs=%llvm_prefix/lib/libmlir_runner_utils.so,%llvm_prefix/lib/libmlir_c_runner_utils.so | FileCheck %s

// A named op on its way down, run at two stages: normalized, and cut into tiles. Grouped heads in layout [B,N,H,D], most
// sizes unknown. Scores are 0 but for a bias per head, so each row averages the V rows that it sees: keys up to i + M - N = i + 2
// but for key 1, which the mask leaves out in row 1 alone. Heads 0 and 1 share the first head of V.

//      CHECK: {{\[\[\[\[}}2],
// CHECK-NEXT: [2],
// CHECK-NEXT: [20],
// CHECK-NEXT: [20]],
// CHECK-NEXT: {{\[\[}}2.66667],
// CHECK-NEXT: [2.66667],
// CHECK-NEXT: [26.6667],
// CHECK-NEXT: [26.6667]],
// CHECK-NEXT: {{\[\[}}3],
// CHECK-NEXT: [3],
// CHECK-NEXT: [30],
// CHECK-NEXT: [30]]]]

// ln of the number of keys, plus the bias of the head: 0, ln 2, ln 3, ln 4.

//      CHECK: {{\[\[\[}}1.09861,    1.09861,    1.60944],
// CHECK-NEXT: [1.79176,    1.79176,    2.30259],
// CHECK-NEXT: [2.19722,    2.19722,    2.70805],
// CHECK-NEXT: [2.48491,    2.48491,    2.99573]]]

//      CHECK: {{\[\[\[\[}}0.333333,     0.333333,     0.333333,     0,     0],
// CHECK-NEXT: [0.333333,     0,     0.333333,     0.333333,     0],
// CHECK-NEXT: [0.2,     0.2,     0.2,     0.2,     0.2]],

// The four largest of them, equal ones by key; rows 0 and 1 see three keys.

//      CHECK: {{\[\[\[\[}}0.333333,     0.333333,     0.333333,     0],
// CHECK-NEXT: [0.333333,     0.333333,     0.333333,     0],
// CHECK-NEXT: [0.2,     0.2,     0.2,     0.2]],

//      CHECK: {{\[\[\[\[}}0,     1,     2,     -1],
// CHECK-NEXT: [0,     2,     3,     -1],
// CHECK-NEXT: [0,     1,     2,     3]],

func.func private @printMemrefF32(tensor<*xf32>)
func.func private @printMemrefI32(tensor<*xi32>)

func.func @sdpa(%q: tensor<?x?x?x2xf32>, %k: tensor<?x?x2x2xf32>, %v: tensor<?x?x2x1xf32>, %bias: tensor<?x1x1xf32>,
                %mask: tensor<?x?xi1>) {
  %o, %lse, %w, %h, %x = attn.sdpa %q, %k, %v bias(%bias : tensor<?x1x1xf32>) mask(%mask : tensor<?x?xi1>) causal(bottom_right)
    layout(bnhd) returns(out, lse, weights, topk_values, topk_indices)
    : (tensor<?x?x?x2xf32>, tensor<?x?x2x2xf32>, tensor<?x?x2x1xf32>)
    -> tensor<?x?x?x1xf32>, tensor<?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?x4xf32>, tensor<?x?x?x4xi32>
  %0 = tensor.cast %o : tensor<?x?x?x1xf32> to tensor<*xf32>
  call @printMemrefF32(%0) : (tensor<*xf32>) -> ()
  %1 = tensor.cast %lse : tensor<?x?x?xf32> to tensor<*xf32>
  call @printMemrefF32(%1) : (tensor<*xf32>) -> ()
  %2 = tensor.cast %w : tensor<?x?x?x?xf32> to tensor<*xf32>
  call @printMemrefF32(%2) : (tensor<*xf32>) -> ()
  %3 = tensor.cast %h : tensor<?x?x?x4xf32> to tensor<*xf32>
  call @printMemrefF32(%3) : (tensor<*xf32>) -> ()
  %4 = tensor.cast %x : tensor<?x?x?x4xi32> to tensor<*xi32>
  call @printMemrefI32(%4) : (tensor<*xi32>) -> ()
  return
}

func.func @main() {
  %q = arith.constant dense<0.0> : tensor<1x3x4x2xf32>
  %k = arith.constant dense<1.0> : tensor<1x5x2x2xf32>
  %v = arith.constant dense<[[[[1.0], [10.0]], [[2.0], [20.0]], [[3.0], [30.0]], [[4.0], [40.0]], [[5.0], [50.0]]]]>
    : tensor<1x5x2x1xf32>
  %bias = arith.constant dense<[[[0.0]], [[0.69314718]], [[1.0986123]], [[1.3862944]]]> : tensor<4x1x1xf32>
  %mask = arith.constant dense<[[true, true, true, true, true], [true, false, true, true, true],
                                [true, true, true, true, true]]> : tensor<3x5xi1>
  %qc = tensor.cast %q : tensor<1x3x4x2xf32> to tensor<?x?x?x2xf32>
  %kc = tensor.cast %k : tensor<1x5x2x2xf32> to tensor<?x?x2x2xf32>
  %vc = tensor.cast %v : tensor<1x5x2x1xf32> to tensor<?x?x2x1xf32>
  %bc = tensor.cast %bias : tensor<4x1x1xf32> to tensor<?x1x1xf32>
  %mc = tensor.cast %mask : tensor<3x5xi1> to tensor<?x?xi1>
  call @sdpa(%qc, %kc, %vc, %bc, %mc)
    : (tensor<?x?x?x2xf32>, tensor<?x?x2x2xf32>, tensor<?x?x2x1xf32>, tensor<?x1x1xf32>, tensor<?x?xi1>) -> ()
  return
}
