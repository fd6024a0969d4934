// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-convert-to-linalg),one-shot-bufferize{bufferize-function-boundaries},convert-linalg-to-loops,canonicalize,expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-math-to-llvm,finalize-memref-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts)' \
// RUN:   | mlir-runner -e main -entry-point-result=i32 | FileCheck %s

// What attn-convert-to-linalg leaves computes attention: tile by tile, and as two halves that are merged, against the
// definition in f64 with natural exponentials and two passes over the keys. 16 rows, 13 keys (tiles of 8 and 5), and
// everything that a sum over a set must survive: rows 0 and 1 keep no key, (5, 1) is kept but has score -inf, (9, 3) has
// score NaN, and V row 12, which rows up to 13 mask, holds NaN and infinity. main counts the elements that are off.

// Scores and weights of magnitude 1, sums of at most 13 terms, one exp2 of a few ulp: 2e-6 is a dozen roundings of f32.

// CHECK: {{^0$}}

#q = affine_map<(i, j, d, e) -> (d, i)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#bias = affine_map<(i, j, d, e) -> (i, j)>
#acc = affine_map<(i, j, d, e) -> (e, i)>
#row = affine_map<(i, j, d, e) -> (i)>
#w_q = affine_map<(i, j, d) -> (d, i)>
#w_k = affine_map<(i, j, d) -> (j, d)>
#w_row = affine_map<(i, j, d) -> (i)>
#w_out = affine_map<(i, j, d) -> (i, j)>
#f_acc = affine_map<(i, e) -> (e, i)>
#f_row = affine_map<(i, e) -> (i)>
#f_out = affine_map<(i, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>

func.func private @keys(%q: tensor<6x16xf32>, %k: tensor<13x6xf32>, %v: tensor<13x4xf32>, %bias: tensor<16x13xf32>,
                        %first: index, %end: index) -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %ae = tensor.empty() : tensor<4x16xf32>
  %me = tensor.empty() : tensor<16xf32>
  %le = tensor.empty() : tensor<16xf32>
  %a0 = linalg.fill ins(%zero : f32) outs(%ae : tensor<4x16xf32>) -> tensor<4x16xf32>
  %m0 = linalg.fill ins(%ninf : f32) outs(%me : tensor<16xf32>) -> tensor<16xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%le : tensor<16xf32>) -> tensor<16xf32>
  %r:3 = scf.for %j0 = %first to %end step %c8 iter_args(%a = %a0, %m = %m0, %l = %l0)
      -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) {
    %nb = affine.min affine_map<()[j0, end] -> (end - j0, 8)>()[%j0, %end]
    %kt = tensor.extract_slice %k[%j0, 0] [%nb, 6] [1, 1] : tensor<13x6xf32> to tensor<?x6xf32>
    %vt = tensor.extract_slice %v[%j0, 0] [%nb, 4] [1, 1] : tensor<13x4xf32> to tensor<?x4xf32>
    %bt = tensor.extract_slice %bias[0, %j0] [16, %nb] [1, 1] : tensor<16x13xf32> to tensor<16x?xf32>
    %u:3 = attn.online guarded ins(%q, %kt, %vt : tensor<6x16xf32>, tensor<?x6xf32>, tensor<?x4xf32>)
      score_ins(%bt : tensor<16x?xf32>) offsets(%c0, %j0, %c0, %c0)
      outs(%a, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
      maps [#q, #k, #v, #bias, #acc, #row] scale(2.500000e-01) exponent_scale(1.4426950408889634)
      normalizer(#attn.softmax) plan(#plan)
      score {
      ^bb0(%s: f32, %b: f32):
        %z = arith.addf %s, %b : f32
        attn.yield %z : f32
      } mask {
        %i = attn.index 0
        %j = attn.index 1
        %two = arith.constant 2 : index
        %last = arith.subi %i, %two : index
        %keep = arith.cmpi sle, %j, %last : index
        attn.yield %keep : i1
      }
    scf.yield %u#0, %u#1, %u#2 : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>
  }
  return %r#0, %r#1, %r#2 : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>
}

func.func private @finish(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %l: tensor<16xf32>)
    -> (tensor<16x4xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) {
  %o = tensor.empty() : tensor<16x4xf32>
  %lse = tensor.empty() : tensor<16xf32>
  %max = tensor.empty() : tensor<16xf32>
  %f = tensor.empty() : tensor<16xf32>
  %r:4 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %l : tensor<16xf32>, tensor<16xf32>)
    outs(%o, %lse, %max, %f : tensor<16x4xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) returns(out, lse, max)
    maps [#f_acc, #f_row, #f_out, #f_row, #f_row, #f_row] normalizer(#attn.softmax)
  return %r#0, %r#1, %r#2, %r#3 : tensor<16x4xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16xf32>
}

// Out, weights, lse, max, and the out of two halves that were merged.
func.func private @kernel(%q: tensor<6x16xf32>, %k: tensor<13x6xf32>, %v: tensor<13x4xf32>, %bias: tensor<16x13xf32>)
    -> (tensor<16x4xf32>, tensor<16x13xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16x4xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c13 = arith.constant 13 : index
  %all:3 = call @keys(%q, %k, %v, %bias, %c0, %c13) : (tensor<6x16xf32>, tensor<13x6xf32>, tensor<13x4xf32>,
    tensor<16x13xf32>, index, index) -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
  %r:4 = call @finish(%all#0, %all#1, %all#2) : (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    -> (tensor<16x4xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16xf32>)
  %we = tensor.empty() : tensor<16x13xf32>
  %w = attn.weights ins(%q, %k : tensor<6x16xf32>, tensor<13x6xf32>) score_ins(%bias : tensor<16x13xf32>)
    state(%all#1, %all#2, %r#3 : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) outs(%we : tensor<16x13xf32>)
    maps [#w_q, #w_k, #w_out, #w_row, #w_out] scale(2.500000e-01) exponent_scale(1.4426950408889634)
    normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %b: f32):
      %z = arith.addf %s, %b : f32
      attn.yield %z : f32
    } mask {
      %i = attn.index 0
      %j = attn.index 1
      %two = arith.constant 2 : index
      %last = arith.subi %i, %two : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }

  %a:3 = call @keys(%q, %k, %v, %bias, %c0, %c8) : (tensor<6x16xf32>, tensor<13x6xf32>, tensor<13x4xf32>,
    tensor<16x13xf32>, index, index) -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
  %b:3 = call @keys(%q, %k, %v, %bias, %c8, %c13) : (tensor<6x16xf32>, tensor<13x6xf32>, tensor<13x4xf32>,
    tensor<16x13xf32>, index, index) -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
  %both:3 = attn.merge ins(%b#0, %b#1, %b#2 : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    outs(%a#0, %a#1, %a#2 : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) maps [#f_acc, #f_row]
    normalizer(#attn.softmax)
  %s:4 = call @finish(%both#0, %both#1, %both#2) : (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    -> (tensor<16x4xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16xf32>)
  return %r#0, %w, %r#1, %r#2, %s#0
    : tensor<16x4xf32>, tensor<16x13xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16x4xf32>
}

// scale * Q[i] . K[j] + bias, or -inf where key j is masked for row i.
func.func private @score(%q: tensor<6x16xf32>, %k: tensor<13x6xf32>, %bias: tensor<16x13xf32>, %i: index, %j: index) -> f64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  %zero = arith.constant 0.0 : f64
  %quarter = arith.constant 0.25 : f64
  %ninf = arith.constant 0xFFF0000000000000 : f64
  %dot = scf.for %d = %c0 to %c6 step %c1 iter_args(%sum = %zero) -> f64 {
    %x = tensor.extract %q[%d, %i] : tensor<6x16xf32>
    %y = tensor.extract %k[%j, %d] : tensor<13x6xf32>
    %x64 = arith.extf %x : f32 to f64
    %y64 = arith.extf %y : f32 to f64
    %p = arith.mulf %x64, %y64 : f64
    %s = arith.addf %sum, %p : f64
    scf.yield %s : f64
  }
  %b = tensor.extract %bias[%i, %j] : tensor<16x13xf32>
  %b64 = arith.extf %b : f32 to f64
  %scaled = arith.mulf %dot, %quarter : f64
  %score = arith.addf %scaled, %b64 : f64
  %next = arith.addi %j, %c2 : index
  %keep = arith.cmpi sle, %next, %i : index
  %r = arith.select %keep, %score, %ninf : f64
  return %r : f64
}

// The definition, for row i: sums over the keys whose score is not -inf. A row of 23 numbers: out (4), weights (13), lse,
// max, and out again.
func.func private @reference(%q: tensor<6x16xf32>, %k: tensor<13x6xf32>, %v: tensor<13x4xf32>, %bias: tensor<16x13xf32>)
    -> tensor<16x23xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c13 = arith.constant 13 : index
  %c16 = arith.constant 16 : index
  %c17 = arith.constant 17 : index
  %c18 = arith.constant 18 : index
  %c19 = arith.constant 19 : index
  %zero = arith.constant 0.0 : f64
  %ninf = arith.constant 0xFFF0000000000000 : f64
  %e = tensor.empty() : tensor<16x23xf64>
  %init = linalg.fill ins(%zero : f64) outs(%e : tensor<16x23xf64>) -> tensor<16x23xf64>
  %r = scf.for %i = %c0 to %c16 step %c1 iter_args(%t0 = %init) -> tensor<16x23xf64> {
    %max = scf.for %j = %c0 to %c13 step %c1 iter_args(%m = %ninf) -> f64 {
      %s = func.call @score(%q, %k, %bias, %i, %j)
        : (tensor<6x16xf32>, tensor<13x6xf32>, tensor<16x13xf32>, index, index) -> f64
      %n = arith.maximumf %m, %s : f64
      scf.yield %n : f64
    }
    %sum = scf.for %j = %c0 to %c13 step %c1 iter_args(%l = %zero) -> f64 {
      %s = func.call @score(%q, %k, %bias, %i, %j)
        : (tensor<6x16xf32>, tensor<13x6xf32>, tensor<16x13xf32>, index, index) -> f64
      %kept = arith.cmpf une, %s, %ninf : f64
      %d = arith.subf %s, %max : f64
      %p = math.exp %d : f64
      %l2 = arith.addf %l, %p : f64
      %l3 = arith.select %kept, %l2, %l : f64
      scf.yield %l3 : f64
    }
    %empty = arith.cmpf oeq, %sum, %zero : f64
    %log = math.log %sum : f64
    %lse0 = arith.addf %max, %log : f64
    %lse = arith.select %empty, %ninf, %lse0 : f64
    %t1 = tensor.insert %lse into %t0[%i, %c17] : tensor<16x23xf64>
    %t2 = tensor.insert %max into %t1[%i, %c18] : tensor<16x23xf64>
    %t3 = scf.for %j = %c0 to %c13 step %c1 iter_args(%t = %t2) -> tensor<16x23xf64> {
      %s = func.call @score(%q, %k, %bias, %i, %j)
        : (tensor<6x16xf32>, tensor<13x6xf32>, tensor<16x13xf32>, index, index) -> f64
      %kept = arith.cmpf une, %s, %ninf : f64
      %u = scf.if %kept -> tensor<16x23xf64> {
        %d = arith.subf %s, %max : f64
        %p = math.exp %d : f64
        %w = arith.divf %p, %sum : f64
        %wc = arith.addi %j, %c4 : index
        %x1 = tensor.insert %w into %t[%i, %wc] : tensor<16x23xf64>
        %x2 = scf.for %c = %c0 to %c4 step %c1 iter_args(%x = %x1) -> tensor<16x23xf64> {
          %old = tensor.extract %x[%i, %c] : tensor<16x23xf64>
          %ve = tensor.extract %v[%j, %c] : tensor<13x4xf32>
          %v64 = arith.extf %ve : f32 to f64
          %wv = arith.mulf %w, %v64 : f64
          %new = arith.addf %old, %wv : f64
          %x3 = tensor.insert %new into %x[%i, %c] : tensor<16x23xf64>
          %c19c = arith.addi %c, %c19 : index
          %x4 = tensor.insert %new into %x3[%i, %c19c] : tensor<16x23xf64>
          scf.yield %x4 : tensor<16x23xf64>
        }
        scf.yield %x2 : tensor<16x23xf64>
      } else {
        scf.yield %t : tensor<16x23xf64>
      }
      scf.yield %u : tensor<16x23xf64>
    }
    scf.yield %t3 : tensor<16x23xf64>
  }
  return %r : tensor<16x23xf64>
}

// A number in [-1, 1] for each pair.
func.func private @sample(%i: index, %j: index, %seed: index) -> f32 {
  %a = arith.constant 7919 : index
  %b = arith.constant 104729 : index
  %c201 = arith.constant 201 : index
  %hundred = arith.constant 100.0 : f32
  %one = arith.constant 1.0 : f32
  %x = arith.muli %i, %a : index
  %y = arith.muli %j, %b : index
  %s = arith.addi %x, %y : index
  %t = arith.addi %s, %seed : index
  %u = arith.muli %t, %t : index
  %r = arith.remui %u, %c201 : index
  %r32 = arith.index_cast %r : index to i32
  %f = arith.sitofp %r32 : i32 to f32
  %g = arith.divf %f, %hundred : f32
  %h = arith.subf %g, %one : f32
  return %h : f32
}

// How many elements of `got` differ from the columns of `want` that start at `first`.
func.func private @count(%got: tensor<16x?xf32>, %want: tensor<16x23xf64>, %first: index) -> i32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %columns = tensor.dim %got, %c1 : tensor<16x?xf32>
  %none = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %budget = arith.constant 2.0e-6 : f64
  %wrong = scf.for %i = %c0 to %c16 step %c1 iter_args(%n0 = %none) -> i32 {
    %n = scf.for %j = %c0 to %columns step %c1 iter_args(%n1 = %n0) -> i32 {
      %x32 = tensor.extract %got[%i, %j] : tensor<16x?xf32>
      %x = arith.extf %x32 : f32 to f64
      %column = arith.addi %first, %j : index
      %y = tensor.extract %want[%i, %column] : tensor<16x23xf64>
      // Equal (infinities too), both NaN, or near.
      %equal = arith.cmpf oeq, %x, %y : f64
      %xnan = arith.cmpf uno, %x, %x : f64
      %ynan = arith.cmpf uno, %y, %y : f64
      %nans = arith.andi %xnan, %ynan : i1
      %d = arith.subf %x, %y : f64
      %abs = math.absf %d : f64
      %near = arith.cmpf ole, %abs, %budget : f64
      %ok0 = arith.ori %equal, %nans : i1
      %ok = arith.ori %ok0, %near : i1
      %more = arith.addi %n1, %one : i32
      %n2 = arith.select %ok, %n1, %more : i32
      scf.yield %n2 : i32
    }
    scf.yield %n : i32
  }
  return %wrong : i32
}

func.func @main() -> i32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c9 = arith.constant 9 : index
  %c12 = arith.constant 12 : index
  %c17 = arith.constant 17 : index
  %c18 = arith.constant 18 : index
  %c19 = arith.constant 19 : index
  %nan = arith.constant 0x7FC00000 : f32
  %inf = arith.constant 0x7F800000 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %q = tensor.generate {
  ^bb0(%i: index, %j: index):
    %x = func.call @sample(%i, %j, %c1) : (index, index, index) -> f32
    tensor.yield %x : f32
  } : tensor<6x16xf32>
  %k = tensor.generate {
  ^bb0(%i: index, %j: index):
    %x = func.call @sample(%i, %j, %c2) : (index, index, index) -> f32
    tensor.yield %x : f32
  } : tensor<13x6xf32>
  %v0 = tensor.generate {
  ^bb0(%i: index, %j: index):
    %x = func.call @sample(%i, %j, %c3) : (index, index, index) -> f32
    tensor.yield %x : f32
  } : tensor<13x4xf32>
  %v1 = tensor.insert %nan into %v0[%c12, %c1] : tensor<13x4xf32>
  %v = tensor.insert %inf into %v1[%c12, %c2] : tensor<13x4xf32>
  %bias0 = tensor.generate {
  ^bb0(%i: index, %j: index):
    %x = func.call @sample(%i, %j, %c5) : (index, index, index) -> f32
    tensor.yield %x : f32
  } : tensor<16x13xf32>
  %bias1 = tensor.insert %ninf into %bias0[%c5, %c1] : tensor<16x13xf32>
  %bias = tensor.insert %nan into %bias1[%c9, %c3] : tensor<16x13xf32>

  %got:5 = call @kernel(%q, %k, %v, %bias)
    : (tensor<6x16xf32>, tensor<13x6xf32>, tensor<13x4xf32>, tensor<16x13xf32>)
    -> (tensor<16x4xf32>, tensor<16x13xf32>, tensor<16xf32>, tensor<16xf32>, tensor<16x4xf32>)
  %want = call @reference(%q, %k, %v, %bias)
    : (tensor<6x16xf32>, tensor<13x6xf32>, tensor<13x4xf32>, tensor<16x13xf32>) -> tensor<16x23xf64>
  %out = tensor.cast %got#0 : tensor<16x4xf32> to tensor<16x?xf32>
  %weights = tensor.cast %got#1 : tensor<16x13xf32> to tensor<16x?xf32>
  %lse0 = tensor.expand_shape %got#2 [[0, 1]] output_shape [16, 1] : tensor<16xf32> into tensor<16x1xf32>
  %max0 = tensor.expand_shape %got#3 [[0, 1]] output_shape [16, 1] : tensor<16xf32> into tensor<16x1xf32>
  %lse = tensor.cast %lse0 : tensor<16x1xf32> to tensor<16x?xf32>
  %max = tensor.cast %max0 : tensor<16x1xf32> to tensor<16x?xf32>
  %merged = tensor.cast %got#4 : tensor<16x4xf32> to tensor<16x?xf32>
  %n0 = call @count(%out, %want, %c0) : (tensor<16x?xf32>, tensor<16x23xf64>, index) -> i32
  %n1 = call @count(%weights, %want, %c4) : (tensor<16x?xf32>, tensor<16x23xf64>, index) -> i32
  %n2 = call @count(%lse, %want, %c17) : (tensor<16x?xf32>, tensor<16x23xf64>, index) -> i32
  %n3 = call @count(%max, %want, %c18) : (tensor<16x?xf32>, tensor<16x23xf64>, index) -> i32
  %n4 = call @count(%merged, %want, %c19) : (tensor<16x?xf32>, tensor<16x23xf64>, index) -> i32
  %s1 = arith.addi %n0, %n1 : i32
  %s2 = arith.addi %s1, %n2 : i32
  %s3 = arith.addi %s2, %n3 : i32
  %s4 = arith.addi %s3, %n4 : i32
  return %s4 : i32
}
