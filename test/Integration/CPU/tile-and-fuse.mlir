// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-and-fuse,attn-normalize,attn-decompose-naively),empty-tensor-to-alloc-tensor,one-shot-bufferize{bufferize-function-boundaries},func.func(scf-forall-to-for,convert-linalg-to-loops),canonicalize,expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-math-to-libm,convert-to-llvm,reconcile-unrealized-casts)' \
// RUN:   | mlir-runner -e main -entry-point-result=i32 -shared-libs=%llvm_prefix/lib/libmlir_c_runner_utils.so | FileCheck %s
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-and-fuse,attn-convert-to-linalg,attn-normalize,attn-decompose-naively),empty-tensor-to-alloc-tensor,one-shot-bufferize{bufferize-function-boundaries},func.func(scf-forall-to-for,convert-linalg-to-loops),canonicalize,expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-math-to-libm,convert-to-llvm,reconcile-unrealized-casts)' \
// RUN:   | mlir-runner -e main -entry-point-result=i32 -shared-libs=%llvm_prefix/lib/libmlir_c_runner_utils.so | FileCheck %s

// Tiling keeps the meaning: the tiles compute what attn.sdpa, not tiled, does. 21 rows are tiles of 8, 8 and 5; 29 keys
// are tiles of 4 with a tail; causal from the bottom right, so each row tile has whole key tiles without mask, some with
// it, and some that it does not visit. V row 20 holds NaN and infinity, and rows before 12 mask it: as linalg ops (the
// second run) an unguarded tile spoils rows 8 to 11, which the redo puts right. Decomposed naively (the first run) every
// tile op selects, guarded or not. main counts the elements that are off.

// Values of magnitude 1, sums of at most 29 terms: 2e-6 is a dozen roundings of f32.

// CHECK: {{^0$}}

#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
#i = affine_map<(b, h, i, j, d, e) -> (b, h, i)>
#plan = #attn.plan<online, rows_minor, rows = 8, keys = 4, lanes = 8, register_tile = [2, 1]>

func.func private @tiled(%q: tensor<?x2x?x6xf32>, %k: tensor<?x2x?x6xf32>, %v: tensor<?x2x?x3xf32>)
    -> (tensor<?x2x?x3xf32>, tensor<?x2x?xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x6xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x6xf32>
  %m = tensor.dim %k, %c2 : tensor<?x2x?x6xf32>
  %ahead = arith.subi %m, %n : index
  %o = tensor.empty(%b, %n) : tensor<?x2x?x3xf32>
  %l = tensor.empty(%b, %n) : tensor<?x2x?xf32>
  %0:2 = attn.generic ins(%q, %k, %v : tensor<?x2x?x6xf32>, tensor<?x2x?x6xf32>, tensor<?x2x?x3xf32>)
    captures(%ahead : index) outs(out %o : tensor<?x2x?x3xf32>, lse %l : tensor<?x2x?xf32>)
    maps [#q, #k, #v, #o, #i] scale(5.000000e-01) normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
    ^bb0(%a: index):
      %i = attn.index 2
      %j = attn.index 3
      %last = arith.addi %i, %a : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %0#0, %0#1 : tensor<?x2x?x3xf32>, tensor<?x2x?xf32>
}

func.func private @naive(%q: tensor<?x2x?x6xf32>, %k: tensor<?x2x?x6xf32>, %v: tensor<?x2x?x3xf32>)
    -> (tensor<?x2x?x3xf32>, tensor<?x2x?xf32>) {
  %0:2 = attn.sdpa %q, %k, %v causal(bottom_right) scale(5.000000e-01) returns(out, lse)
    : (tensor<?x2x?x6xf32>, tensor<?x2x?x6xf32>, tensor<?x2x?x3xf32>) -> tensor<?x2x?x3xf32>, tensor<?x2x?xf32>
  return %0#0, %0#1 : tensor<?x2x?x3xf32>, tensor<?x2x?xf32>
}

/// Values in [-1, 1] that repeat in no dimension.
func.func private @value(%seed: index, %x: index, %y: index) -> f32 {
  %c37 = arith.constant 37 : index
  %c101 = arith.constant 101 : index
  %c7 = arith.constant 7 : index
  %c50 = arith.constant 0.02 : f32
  %one = arith.constant 1.0 : f32
  %a = arith.muli %x, %c37 : index
  %b = arith.muli %y, %c7 : index
  %c = arith.addi %a, %b : index
  %d = arith.addi %c, %seed : index
  %square = arith.muli %d, %d : index
  %r = arith.remui %square, %c101 : index
  %i = arith.index_cast %r : index to i32
  %f = arith.sitofp %i : i32 to f32
  %g = arith.mulf %f, %c50 : f32
  %h = arith.subf %g, %one : f32
  return %h : f32
}

/// 1 where two values are neither close nor equal nor both NaN.
func.func private @off(%a: f32, %b: f32) -> i32 {
  %budget = arith.constant 2.0e-6 : f32
  %difference = arith.subf %a, %b : f32
  %size = math.absf %difference : f32
  %far = arith.cmpf ugt, %size, %budget : f32
  %differ = arith.cmpf une, %a, %b : f32
  %aNaN = arith.cmpf uno, %a, %a : f32
  %bNaN = arith.cmpf uno, %b, %b : f32
  %true = arith.constant true
  %both = arith.andi %aNaN, %bNaN : i1
  %notBoth = arith.xori %both, %true : i1
  %x = arith.andi %far, %differ : i1
  %y = arith.andi %x, %notBoth : i1
  %r = arith.extui %y : i1 to i32
  return %r : i32
}

func.func @main() -> i32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c20 = arith.constant 20 : index
  %c21 = arith.constant 21 : index
  %c29 = arith.constant 29 : index
  %nan = arith.constant 0x7FC00000 : f32
  %inf = arith.constant 0x7F800000 : f32
  %q = tensor.generate %c1, %c21 {
  ^bb0(%b: index, %h: index, %i: index, %d: index):
    %x = arith.addi %i, %h : index
    %r = func.call @value(%c1, %x, %d) : (index, index, index) -> f32
    tensor.yield %r : f32
  } : tensor<?x2x?x6xf32>
  %k = tensor.generate %c1, %c29 {
  ^bb0(%b: index, %h: index, %j: index, %d: index):
    %x = arith.addi %j, %h : index
    %r = func.call @value(%c2, %x, %d) : (index, index, index) -> f32
    tensor.yield %r : f32
  } : tensor<?x2x?x6xf32>
  %v = tensor.generate %c1, %c29 {
  ^bb0(%b: index, %h: index, %j: index, %e: index):
    %x = arith.addi %j, %h : index
    %r = func.call @value(%c3, %x, %e) : (index, index, index) -> f32
    %first = arith.cmpi eq, %e, %c0 : index
    %spoilt = arith.select %first, %nan, %inf : f32
    %spoil = arith.cmpi eq, %j, %c20 : index
    %s = arith.select %spoil, %spoilt, %r : f32
    tensor.yield %s : f32
  } : tensor<?x2x?x3xf32>
  %tiled:2 = call @tiled(%q, %k, %v) : (tensor<?x2x?x6xf32>, tensor<?x2x?x6xf32>, tensor<?x2x?x3xf32>)
    -> (tensor<?x2x?x3xf32>, tensor<?x2x?xf32>)
  %naive:2 = call @naive(%q, %k, %v) : (tensor<?x2x?x6xf32>, tensor<?x2x?x6xf32>, tensor<?x2x?x3xf32>)
    -> (tensor<?x2x?x3xf32>, tensor<?x2x?xf32>)
  %none = arith.constant 0 : i32
  %count = scf.for %h = %c0 to %c2 step %c1 iter_args(%n0 = %none) -> (i32) {
    %row = scf.for %i = %c0 to %c21 step %c1 iter_args(%n1 = %n0) -> (i32) {
      %la = tensor.extract %tiled#1[%c0, %h, %i] : tensor<?x2x?xf32>
      %lb = tensor.extract %naive#1[%c0, %h, %i] : tensor<?x2x?xf32>
      %loff = func.call @off(%la, %lb) : (f32, f32) -> i32
      %n2 = arith.addi %n1, %loff : i32
      %column = scf.for %e = %c0 to %c3 step %c1 iter_args(%n3 = %n2) -> (i32) {
        %a = tensor.extract %tiled#0[%c0, %h, %i, %e] : tensor<?x2x?x3xf32>
        %b = tensor.extract %naive#0[%c0, %h, %i, %e] : tensor<?x2x?x3xf32>
        %off = func.call @off(%a, %b) : (f32, f32) -> i32
        %n4 = arith.addi %n3, %off : i32
        scf.yield %n4 : i32
      }
      scf.yield %column : i32
    }
    scf.yield %row : i32
  }
  return %count : i32
}
