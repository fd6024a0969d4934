// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: split-file %s %t
// RUN: attn-opt %t/normalize.mlir -attn-verify-stage=stage=normalize -verify-diagnostics
// RUN: attn-opt %t/plan.mlir -attn-verify-stage=stage=plan -verify-diagnostics
// RUN: attn-opt %t/tile.mlir -attn-verify-stage=stage=tile -verify-diagnostics
// RUN: attn-opt %t/linalg.mlir -attn-verify-stage=stage=linalg -verify-diagnostics
// RUN: attn-opt %t/target.mlir -attn-verify-stage=stage=target -verify-diagnostics

// Each stage refuses what an earlier one left behind, and names the pass that owed it. All breaches are reported, not only
// the first one.

//--- normalize.mlir
func.func @named_op(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x7x8xf32>, %v: tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32> {
  // expected-error @below {{stage 'normalize' allows no named attention op}}
  // expected-note @below {{attn-normalize should have replaced this}}
  %r = attn.sdpa %q, %k, %v : (tensor<1x2x5x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  return %r : tensor<1x2x5x4xf32>
}

func.func @op_on_tiles(%a: tensor<4x16xf32>, %m: tensor<16xf32>, %l: tensor<16xf32>) -> tensor<4x16xf32> {
  // expected-error @below {{stage 'normalize' allows no attention op on tiles}}
  // expected-note @below {{attn-tile-and-fuse makes these two stages later}}
  %r:3 = attn.merge ins(%a, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    outs(%a, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return %r#0 : tensor<4x16xf32>
}

//--- plan.mlir
func.func @no_plan(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %o: tensor<5x4xf32>) -> tensor<5x4xf32> {
  // expected-error @below {{stage 'plan' expects an attribute 'attn.plan' of type #attn.plan}}
  // expected-note @below {{attn-select-plan should have chosen one}}
  %r = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>) outs(out %o : tensor<5x4xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
  return %r : tensor<5x4xf32>
}

//--- tile.mlir
func.func @append(%rows: tensor<1x2x3x8xf32>, %cache: tensor<1x2x7x8xf32>, %at: tensor<1xi32>) -> tensor<1x2x7x8xf32> {
  // expected-error @below {{stage 'tile' allows no append as a whole}}
  // expected-note @below {{attn-tile-stages should have replaced this}}
  %r = attn.append_kv %rows, %cache at(%at : tensor<1xi32>) : (tensor<1x2x3x8xf32>, tensor<1x2x7x8xf32>) -> tensor<1x2x7x8xf32>
  return %r : tensor<1x2x7x8xf32>
}

func.func @not_tiled(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %o: tensor<5x4xf32>) -> tensor<5x4xf32> {
  // expected-error @below {{stage 'tile' allows attention ops on tiles only}}
  // expected-note @below {{attn-tile-and-fuse should have replaced this}}
  %r = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>) outs(out %o : tensor<5x4xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
  return %r : tensor<5x4xf32>
}

func.func @loop_without_plan(%a: tensor<4x16xf32>, %m: tensor<16xf32>, %l: tensor<16xf32>) -> tensor<4x16xf32> {
  // expected-error @below {{stage 'tile' expects attention ops inside an scf.forall with 'attn.plan'}}
  // expected-note @below {{attn-tile-and-fuse should have made that loop and put the plan on it}}
  %r:3 = attn.merge ins(%a, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    outs(%a, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return %r#0 : tensor<4x16xf32>
}

func.func @rows_not_packed(%q: tensor<8x?xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %a: tensor<4x?xf32>, %m: tensor<?xf32>,
                           %l: tensor<?xf32>, %o: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %r = scf.forall (%t) in (1) shared_outs(%x = %o) -> tensor<4x16xf32> {
    // expected-error @below {{stage 'tile' expects row tiles of known size, got 'query' of type 'tensor<8x?xf32>'}}
    // expected-note @below {{attn-tile-and-fuse should have packed the rows of this tile}}
    %u:3 = attn.online ins(%q, %k, %v : tensor<8x?xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
      outs(%a, %m, %l : tensor<4x?xf32>, tensor<?xf32>, tensor<?xf32>)
      maps [affine_map<(i, j, d, e) -> (d, i)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
            affine_map<(i, j, d, e) -> (e, i)>, affine_map<(i, j, d, e) -> (i)>]
      exponent_scale(1.000000e+00) normalizer(#attn.softmax)
    scf.forall.in_parallel {
    }
  } {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>}
  return %r : tensor<4x16xf32>
}

//--- linalg.mlir
// expected-error @below {{stage 'linalg' allows no tensor in the signature of a kernel}}
// expected-note @below {{attn-prepare-abi should have made views of them}}
func.func @f(%a: tensor<4x16xf32>, %m: tensor<16xf32>, %l: tensor<16xf32>, %o: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %r = scf.forall (%t) in (1) shared_outs(%x = %o) -> tensor<4x16xf32> {
    // expected-error @below {{stage 'linalg' allows no attn op}}
    // expected-note @below {{attn-convert-to-linalg should have replaced this}}
    %u:3 = attn.merge ins(%a, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
      outs(%a, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
      maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
    // expected-error @below {{stage 'linalg' expects an attribute 'attn.role' on linalg ops in a loop over tiles}}
    // expected-note @below {{the pass that made this should have said what it is for}}
    %v = linalg.generic {indexing_maps = [affine_map<(e, i) -> (e, i)>], iterator_types = ["parallel", "parallel"]}
      outs(%u#0 : tensor<4x16xf32>) {
    ^bb0(%y: f32):
      %z = arith.addf %y, %y : f32
      linalg.yield %z : f32
    } -> tensor<4x16xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %v into %x[0, 0] [4, 16] [1, 1] : tensor<4x16xf32> into tensor<4x16xf32>
    }
  } {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>}
  return %r : tensor<4x16xf32>
}

//--- target.mlir
llvm.func @f(%x: i64) -> i64 {
  // expected-error @below {{stage 'target' allows llvm ops, and nvvm ops in a gpu.module, only}}
  // expected-note @below {{the conversion of 'arith' to llvm should have replaced this}}
  %y = arith.addi %x, %x : i64
  llvm.return %y : i64
}
