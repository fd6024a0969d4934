// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(attn-explain-masks{values=N=20;M=22;c0=6})' -split-input-file -o /dev/null | FileCheck %s
// RUN: attn-opt %s --explain=mask --explain-values=N=20,M=22,c0=6 -split-input-file -o /dev/null | FileCheck %s
// RUN: attn-opt %s --explain=mask --explain-values=N=20,M=22 -split-input-file -o /dev/null | FileCheck %s --check-prefix=UNKNOWN
// RUN: attn-opt %s --explain=mask -split-input-file | FileCheck %s --check-prefix=IR

// The IR goes its own way.
// IR: attn.generic

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 4, keys = 4, lanes = 4, register_tile = [4, 1]>

// CHECK: mask of @causal_window at explain-masks.mlir:[[#@LINE+29]]:8{{$}}
// CHECK-NEXT: row tiles of 4 rows along loop 0, key tiles of 4 keys along loop 1
// CHECK-NEXT: a pair is kept if one of
// CHECK-NEXT:   row - key >= 0 and -row + key + c0 - 1 >= 0 and M - key - 1 >= 0
// CHECK-NEXT: a pair is masked if one of
// CHECK-NEXT:   -row + key - 1 >= 0 and M - key - 1 >= 0
// CHECK-NEXT:   row - key - c0 >= 0 and M - key - 1 >= 0
// CHECK-NEXT: row tile i visits key j if one of
// CHECK-NEXT:   max(0, 4*i - c0 + 1) <= j <= min(4*i + 3, N - 1, last) if c0 - 1 >= 0
// CHECK-NEXT: row tile i has a masked pair in key j if one of
// CHECK-NEXT:   4*i + 1 <= j <= last
// CHECK-NEXT:   0 <= j <= min(4*i - c0 + 3, N - c0 - 1, last)
// CHECK-NEXT: exact: each of them is needed
// CHECK-NEXT: loops over key tiles, in this order
// CHECK-NEXT:   partial: with mask
// CHECK-NEXT:   full: whole tiles without mask
// CHECK-NEXT:   partial: with mask
// CHECK-NEXT: N = 20, M = 22: 5 row tiles, 6 key tiles; F full, P partial, . empty
// CHECK-NEXT:   P.....
// CHECK-NEXT:   PP....
// CHECK-NEXT:   PPP...
// CHECK-NEXT:   .PPP..
// CHECK-NEXT:   ..PPP.
// CHECK-NEXT: visited 12 of 30 tiles, 0 of them without mask
// CHECK-NEXT: needed 12 tiles, found by looking at every pair: 0 visited for nothing

// UNKNOWN: no picture without a value for c0
func.func @causal_window(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %o: tensor<?x3xf32>,
                         %w: index) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    captures(%w : index) outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    {attn.plan = #plan}
    mask {
    ^bb0(%width: index):
      %i = attn.index 0
      %j = attn.index 1
      %d = arith.subi %i, %j : index
      %past = arith.cmpi sge, %i, %j : index
      %near = arith.cmpi slt, %d, %width : index
      %keep = arith.andi %past, %near : i1
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// Every tenth key, and what is not affine: documents. Sizes are known from types.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#i = affine_map<(i, j, d, e) -> (i)>
#j = affine_map<(i, j, d, e) -> (j)>
#plan = #attn.plan<online, rows_minor, rows = 4, keys = 4, lanes = 4, register_tile = [4, 1]>

// CHECK: mask of @documents at
//       CHECK: row tile i visits key tile j if one of
//  CHECK-NEXT:   0 <= j <= last where {{.+}} floordiv 5) >= 0
//       CHECK: not exact: more may be visited than needed
//  CHECK-NEXT:   because of mask operand 0 at {{.+}}, whose range on a tile is looked at when the kernel runs
//  CHECK-NEXT:   because of mask operand 1 at
//       CHECK:   tested: each tile is visited or not, with mask; by ranges one with mask may be skipped or need none
//       CHECK: N = 5, M = 23: 2 row tiles, 6 key tiles
//  CHECK-NEXT:   P.P..P
//  CHECK-NEXT:   P.P..P
//  CHECK-NEXT: visited 6 of 12 tiles, 0 of them without mask, before any is skipped by ranges
//  CHECK-NEXT: needed tiles are not known without o0, o1
func.func @documents(%q: tensor<5x4xf32>, %k: tensor<23x4xf32>, %v: tensor<23x3xf32>, %o: tensor<5x3xf32>,
                     %rows: tensor<5xi32>, %keys: tensor<23xi32>) -> tensor<5x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<23x4xf32>, tensor<23x3xf32>)
    mask_ins(%rows, %keys : tensor<5xi32>, tensor<23xi32>) outs(out %o : tensor<5x3xf32>)
    maps [#q, #k, #v, #i, #j, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
    ^bb0(%a: i32, %b: i32):
      %c10 = arith.constant 10 : index
      %c0 = arith.constant 0 : index
      %j = attn.index 1
      %rest = arith.remui %j, %c10 : index
      %on = arith.cmpi eq, %rest, %c0 : index
      %same = arith.cmpi eq, %a, %b : i32
      %keep = arith.andi %on, %same : i1
      attn.yield %keep : i1
    }
  return %0 : tensor<5x3xf32>
}

// -----

// No mask, nothing to explain, with a plan or without.

// CHECK-NOT: mask of
func.func @dense(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>, %o: tensor<5x3xf32>) -> tensor<5x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>) outs(out %o : tensor<5x3xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
  return %0 : tensor<5x3xf32>
}
