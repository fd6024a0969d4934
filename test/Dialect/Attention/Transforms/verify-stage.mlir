// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: split-file %s %t
// RUN: attn-opt %t/plan.mlir -attn-verify-stage=stage=normalize -attn-verify-stage=stage=plan | FileCheck %s --check-prefix=PLAN
// RUN: attn-opt %t/tile.mlir -attn-verify-stage=stage=tile | FileCheck %s --check-prefix=TILE
// RUN: attn-opt %t/linalg.mlir -attn-verify-stage=stage=linalg | FileCheck %s --check-prefix=LINALG
// RUN: attn-opt %t/target.mlir -attn-verify-stage=stage=target | FileCheck %s --check-prefix=TARGET

// What keeps its promise passes through as it is. A generic with a plan also keeps the promise of the stage before.

// PLAN: attn.generic
// TILE: attn.online
// LINALG: scf.forall
// TARGET: llvm.func

//--- plan.mlir
func.func @f(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %o: tensor<5x4xf32>) -> tensor<5x4xf32> {
  %r = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>) outs(out %o : tensor<5x4xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>}
  return %r : tensor<5x4xf32>
}

//--- tile.mlir
func.func @f(%q: tensor<8x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %a: tensor<4x16xf32>, %m: tensor<16xf32>,
             %l: tensor<16xf32>, %o: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %r = scf.forall (%t) in (1) shared_outs(%x = %o) -> tensor<4x16xf32> {
    %u:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<?x8xf32>, tensor<?x4xf32>)
      outs(%a, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
      maps [affine_map<(i, j, d, e) -> (d, i)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
            affine_map<(i, j, d, e) -> (e, i)>, affine_map<(i, j, d, e) -> (i)>]
      exponent_scale(1.000000e+00) normalizer(#attn.softmax)
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %u#0 into %x[0, 0] [4, 16] [1, 1] : tensor<4x16xf32> into tensor<4x16xf32>
    }
  } {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>}
  return %r : tensor<4x16xf32>
}

//--- linalg.mlir
func.func @f(%in: memref<4x16xf32>, %out: memref<4x16xf32>) {
  scf.forall (%t) in (4) {
    %x = memref.subview %in[%t, 0] [1, 16] [1, 1] : memref<4x16xf32> to memref<16xf32, strided<[1], offset: ?>>
    %y = memref.subview %out[%t, 0] [1, 16] [1, 1] : memref<4x16xf32> to memref<16xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : memref<16xf32, strided<[1], offset: ?>>) outs(%y : memref<16xf32, strided<[1], offset: ?>>)
      attrs = {attn.role = "unpack"} {
    ^bb0(%a: f32, %b: f32):
      linalg.yield %a : f32
    }
  } {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>}
  return
}

//--- target.mlir
module {
  llvm.func @f(%x: i64) -> i64 {
    llvm.return %x : i64
  }
}
