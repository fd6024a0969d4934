// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The way down, second rung: stage `plan` decides how, and nobody after it decides anything.
//
// Takes generic.mlir. Leaves the same ops, each with a plan. The plan here is the one for AVX-512 (32 registers of 16
// floats); on other machines this file runs all the same, with vectors that LLVM splits.
//
//   online          keys are visited once, tile by tile, with a running maximum and sum (Milakov & Gimelshein 2018)
//   rows_minor      tiles are stored with the query rows last, so that the lanes of a vector are query rows: softmax
//                   needs no reduction across lanes, and K and V are read where they lie, element by element
//   rows = 64       query rows of a task: 4 vectors of 16
//   keys = 64       keys of a tile: scores are 64 x 64 floats, 16 KiB, half of L1
//   lanes = 16      floats in a vector
//   register_tile   4 x 4 vectors are summed in registers at once: each loaded vector and each broadcast element is
//                   used 4 times, and 16 of 32 registers are accumulators
//
// Sizes that types leave open are checked before anything is computed: they bound every access. `attn.checked` says
// that this has been done (attn-normalize does it).

// RUN: attn-opt %s -attn-verify-stage=stage=plan | FileCheck %s --enable-var-scope
// RUN: attn-compile %S/generic.mlir --stop-after=plan --cpu=x86-64-v4 | FileCheck %s --enable-var-scope

// DEFINE: %{sizes} = --shape=q=2x77x3x64 --shape=k=2x130x3x64 --shape=v=2x130x3x64
// DEFINE: %{blind} = --shape=q=1x70x2x64 --shape=k=1x5x2x64 --shape=v=1x5x2x64
// DEFINE: %{run} = attn-run %s --start-after=plan --reference=%S/generic.mlir --compare
// RUN: %{run} --func=dense %{sizes} --strides=padded
// RUN: %{run} --func=causal %{sizes} --strides=padded --threads=2
// RUN: %{run} --func=causal %{blind} --strides=permuted

#q = affine_map<(b, h, i, j, d, e) -> (b, i, h, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, j, h, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, j, h, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, i, h, e)>

// The pass also asks for a second body for row tiles of few rows (`rows = 64 short 16`). It would be the same again with
// 16 in the place of 64, and is left out on all rungs.
#plan = #attn.plan<online, rows_minor, rows = 64, keys = 64, lanes = 16, register_tile = [4, 4]>

// CHECK-LABEL: func.func @dense(
//       CHECK:   cf.assert %{{.+}}, "'query' and 'key' agree on
//       CHECK:   cf.assert %{{.+}}, "'key' and 'value' agree on
//       CHECK:   attn.generic {{.+}} {attn.checked, attn.plan = #attn.plan<online, rows_minor, rows = 64{{( short 16)?}}, keys = 64{{( split 128)?}},
//  CHECK-SAME:     lanes = 16, register_tile = [4, 4]>}
//   CHECK-NOT:   mask
func.func @dense(%q: tensor<?x?x?x64xf32> {attn.name = "q"}, %k: tensor<?x?x?x64xf32> {attn.name = "k"},
                 %v: tensor<?x?x?x64xf32> {attn.name = "v"}) -> (tensor<?x?x?x64xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %batches = tensor.dim %q, %c0 : tensor<?x?x?x64xf32>
  %n = tensor.dim %q, %c1 : tensor<?x?x?x64xf32>
  %heads = tensor.dim %q, %c2 : tensor<?x?x?x64xf32>
  %m = tensor.dim %k, %c1 : tensor<?x?x?x64xf32>
  %kBatches = tensor.dim %k, %c0 : tensor<?x?x?x64xf32>
  %kHeads = tensor.dim %k, %c2 : tensor<?x?x?x64xf32>
  %vBatches = tensor.dim %v, %c0 : tensor<?x?x?x64xf32>
  %vRows = tensor.dim %v, %c1 : tensor<?x?x?x64xf32>
  %vHeads = tensor.dim %v, %c2 : tensor<?x?x?x64xf32>
  %sameKeyBatches = arith.cmpi eq, %batches, %kBatches : index
  cf.assert %sameKeyBatches, "'query' and 'key' agree on B"
  %sameValueBatches = arith.cmpi eq, %batches, %vBatches : index
  cf.assert %sameValueBatches, "'query' and 'value' agree on B"
  %sameKeyHeads = arith.cmpi eq, %heads, %kHeads : index
  cf.assert %sameKeyHeads, "'query' and 'key' agree on H"
  %sameValueHeads = arith.cmpi eq, %heads, %vHeads : index
  cf.assert %sameValueHeads, "'query' and 'value' agree on H"
  %sameRows = arith.cmpi eq, %m, %vRows : index
  cf.assert %sameRows, "'key' and 'value' agree on M"
  %init = tensor.empty(%batches, %n, %heads) : tensor<?x?x?x64xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>)
    outs(out %init : tensor<?x?x?x64xf32>) maps [#q, #k, #v, #o] scale(1.250000e-01) normalizer(#attn.softmax)
    {attn.checked, attn.plan = #plan}
  return %out : tensor<?x?x?x64xf32>
}

// CHECK-LABEL: func.func @causal(
//       CHECK:   cf.assert %{{.+}}, "'query' and 'key' agree on
//       CHECK:   cf.assert %{{.+}}, "'key' and 'value' agree on
//       CHECK:   attn.generic {{.+}} {attn.checked, attn.plan = #attn.plan<online, rows_minor, rows = 64{{( short 16)?}}, keys = 64{{( split 128)?}},
//  CHECK-SAME:     lanes = 16, register_tile = [4, 4]>}
//       CHECK:     mask {
func.func @causal(%q: tensor<?x?x?x64xf32> {attn.name = "q"}, %k: tensor<?x?x?x64xf32> {attn.name = "k"},
                  %v: tensor<?x?x?x64xf32> {attn.name = "v"}) -> (tensor<?x?x?x64xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %batches = tensor.dim %q, %c0 : tensor<?x?x?x64xf32>
  %n = tensor.dim %q, %c1 : tensor<?x?x?x64xf32>
  %heads = tensor.dim %q, %c2 : tensor<?x?x?x64xf32>
  %m = tensor.dim %k, %c1 : tensor<?x?x?x64xf32>
  %kBatches = tensor.dim %k, %c0 : tensor<?x?x?x64xf32>
  %kHeads = tensor.dim %k, %c2 : tensor<?x?x?x64xf32>
  %vBatches = tensor.dim %v, %c0 : tensor<?x?x?x64xf32>
  %vRows = tensor.dim %v, %c1 : tensor<?x?x?x64xf32>
  %vHeads = tensor.dim %v, %c2 : tensor<?x?x?x64xf32>
  %sameKeyBatches = arith.cmpi eq, %batches, %kBatches : index
  cf.assert %sameKeyBatches, "'query' and 'key' agree on B"
  %sameValueBatches = arith.cmpi eq, %batches, %vBatches : index
  cf.assert %sameValueBatches, "'query' and 'value' agree on B"
  %sameKeyHeads = arith.cmpi eq, %heads, %kHeads : index
  cf.assert %sameKeyHeads, "'query' and 'key' agree on H"
  %sameValueHeads = arith.cmpi eq, %heads, %vHeads : index
  cf.assert %sameValueHeads, "'query' and 'value' agree on H"
  %sameRows = arith.cmpi eq, %m, %vRows : index
  cf.assert %sameRows, "'key' and 'value' agree on M"
  %ahead = arith.subi %m, %n : index
  %init = tensor.empty(%batches, %n, %heads) : tensor<?x?x?x64xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>)
    captures(%ahead : index) outs(out %init : tensor<?x?x?x64xf32>) maps [#q, #k, #v, #o] scale(1.250000e-01)
    normalizer(#attn.softmax) {attn.checked, attn.plan = #plan}
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
