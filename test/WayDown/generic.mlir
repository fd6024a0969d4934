// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The way down, first rung: attention as one op, as stage `normalize` leaves it. (That stage also asserts that sizes
// agree. The file leaves this to it, and the next rung shows it.)
//
// The five files of this folder hold the same two kernels, written by hand at each stage of the compiler:
//
//   generic.mlir   attn.generic: who attends to whom, how scores are made, what is masked
//   plan.mlir      the same op, with #attn.plan: tile sizes, algorithm, orientation
//   tile.mlir      a parallel loop over row tiles, loops over key tiles, attn.online on tiles
//   linalg.mlir    linalg ops on tiles; arguments are views that the caller owns
//   target.mlir    one task of the parallel loop as vector code, its buffers in the caller's scratch memory
//
// They are to be read in this order, each beside the one before it. Each is executed from where it stands, in every
// layout of its arguments, and must agree with the float64 reference of this file; and the CHECK lines of each match
// both the file itself and what the passes make of the file before it.
//
// Letters: B batch, H heads, N query rows, M key rows, D = 64 the head size. Tensors are [B, N, H, D], as they come out
// of a projection: `i` and `h` change places in maps, not in memory.

// RUN: attn-opt %s -attn-verify-stage=stage=normalize | FileCheck %s --enable-var-scope
// RUN: attn-compile %S/Inputs/named.mlir --stop-after=normalize | FileCheck %s --enable-var-scope

// DEFINE: %{sizes} = --shape=q=2x77x3x64 --shape=k=2x130x3x64 --shape=v=2x130x3x64
// DEFINE: %{blind} = --shape=q=1x70x2x64 --shape=k=1x5x2x64 --shape=v=1x5x2x64
// RUN: attn-run %s --func=dense %{sizes} --strides=padded --compare
// RUN: attn-run %s --func=causal %{sizes} --strides=padded --threads=2 --compare
// RUN: attn-run %s --func=causal %{blind} --strides=permuted --compare

// The loops of attention have no names, only uses: b and h are in all four maps, so they are batches; i is in Q and O:
// rows; j is in K and V: keys; d is in Q and K: summed by the scores; e is in V and O: columns of the result.
#q = affine_map<(b, h, i, j, d, e) -> (b, i, h, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, j, h, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, j, h, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, i, h, e)>

// CHECK-DAG: #[[$Q:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d4)>
// CHECK-DAG: #[[$K:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d4)>
// CHECK-DAG: #[[$V:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d5)>
// CHECK-DAG: #[[$O:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d5)>

/// A result is written into a destination, as in linalg. Here nobody has given one, so it starts as tensor.empty; at
/// stage linalg the caller's memory takes its place.
// CHECK-LABEL: func.func @dense(
//  CHECK-SAME:   %[[Q:[^ :]+]]: tensor<{{.+}}, %[[K:[^ :]+]]: tensor<{{.+}}, %[[V:[^ :]+]]: tensor<
//       CHECK:   attn.generic ins(%[[Q]], %[[K]], %[[V]] : {{.+}}) outs(out %{{[^)]+}})
//  CHECK-SAME:     maps [#[[$Q]], #[[$K]], #[[$V]], #[[$O]]] scale(1.250000e-01) normalizer(#attn.softmax)
//   CHECK-NOT:   mask
func.func @dense(%q: tensor<?x?x?x64xf32> {attn.name = "q"}, %k: tensor<?x?x?x64xf32> {attn.name = "k"},
                 %v: tensor<?x?x?x64xf32> {attn.name = "v"}) -> (tensor<?x?x?x64xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %batches = tensor.dim %q, %c0 : tensor<?x?x?x64xf32>
  %n = tensor.dim %q, %c1 : tensor<?x?x?x64xf32>
  %heads = tensor.dim %q, %c2 : tensor<?x?x?x64xf32>
  %init = tensor.empty(%batches, %n, %heads) : tensor<?x?x?x64xf32>
  // s = 1/8 sum_d q k, w = softmax(s) over the keys, out = sum_j w v.
  %out = attn.generic ins(%q, %k, %v : tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>)
    outs(out %init : tensor<?x?x?x64xf32>) maps [#q, #k, #v, #o] scale(1.250000e-01) normalizer(#attn.softmax)
  return %out : tensor<?x?x?x64xf32>
}

/// The last row sees the last key: row i sees the keys up to i + (M - N). With more rows than keys the first rows see
/// none, and their results are 0. The mask is arithmetic on positions; it is never stored, at no stage.
// CHECK-LABEL: func.func @causal(
//       CHECK:   %[[AHEAD:.+]] = arith.subi
//       CHECK:   attn.generic {{.+}} captures(%[[AHEAD]] : index) outs(out %{{[^)]+}})
//  CHECK-SAME:     maps [#[[$Q]], #[[$K]], #[[$V]], #[[$O]]] scale(1.250000e-01) normalizer(#attn.softmax)
//       CHECK:     mask {
//       CHECK:     ^bb0(%[[A:.+]]: index):
//       CHECK:       %[[I:.+]] = attn.index 2
//       CHECK:       %[[J:.+]] = attn.index 3
//       CHECK:       %[[LAST:.+]] = arith.addi %[[I]], %[[A]]
//       CHECK:       %[[KEEP:.+]] = arith.cmpi sle, %[[J]], %[[LAST]]
//       CHECK:       attn.yield %[[KEEP]] : i1
func.func @causal(%q: tensor<?x?x?x64xf32> {attn.name = "q"}, %k: tensor<?x?x?x64xf32> {attn.name = "k"},
                  %v: tensor<?x?x?x64xf32> {attn.name = "v"}) -> (tensor<?x?x?x64xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %batches = tensor.dim %q, %c0 : tensor<?x?x?x64xf32>
  %n = tensor.dim %q, %c1 : tensor<?x?x?x64xf32>
  %heads = tensor.dim %q, %c2 : tensor<?x?x?x64xf32>
  %m = tensor.dim %k, %c1 : tensor<?x?x?x64xf32>
  %ahead = arith.subi %m, %n : index
  %init = tensor.empty(%batches, %n, %heads) : tensor<?x?x?x64xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>)
    captures(%ahead : index) outs(out %init : tensor<?x?x?x64xf32>) maps [#q, #k, #v, #o] scale(1.250000e-01)
    normalizer(#attn.softmax)
    mask {
    ^bb0(%a: index):
      %i = attn.index 2
      %j = attn.index 3
      %last = arith.addi %i, %a : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %out : tensor<?x?x?x64xf32>
}
