// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-stages))' -split-input-file | FileCheck %s -enable-var-scope

#plan = #attn.plan<product, rows_major, rows = 16, keys = 8, lanes = 16, register_tile = [4, 2]>
#left = affine_map<(b, n, o, k) -> (b, n, k)>
#right = affine_map<(b, n, o, k) -> (o, k)>
#out = affine_map<(b, n, o, k) -> (b, n, o)>
#all = affine_map<(b, n, o) -> (b, n, o)>
#column = affine_map<(b, n, o) -> (o)>

// Tasks are batches, tiles of 32 columns and tiles of 16 rows. Blocks of 8 steps of the right operand, stored [out, in], are
// packed as [in, out]; what is left of 20 steps is a block of its own. The bias is added where the tile is written.

// CHECK-LABEL: func.func @projection
//  CHECK-SAME:   %[[X:[^ :]+]]: tensor<3x48x20xf32>, %[[W:[^ :]+]]: tensor<64x20xbf16>, %[[B:[^ :]+]]: tensor<64xf32>)
//   CHECK-NOT:   linalg.
//       CHECK:   scf.forall (%[[BATCH:[^ ,]+]], %[[COLUMNS:[^ ,]+]], %[[ROWS:[^ ,]+]]) in (3, 2, 3) shared_outs(%[[ALL:.+]] = %{{.+}})
//   CHECK-DAG:     %[[O:.+]] = affine.apply #{{.+}}(%[[COLUMNS]])
//   CHECK-DAG:     %[[N:.+]] = affine.apply #{{.+}}(%[[ROWS]])
//       CHECK:     %[[OUT:.+]] = tensor.extract_slice %[[ALL]][%[[BATCH]], %[[N]], %[[O]]] [1, 16, 32] {{.*}} to tensor<16x32xf32>
//       CHECK:     %[[ZERO:.+]] = linalg.fill {attn.role = "stage"} {{.*}} -> tensor<16x32xf32>
//       CHECK:     %[[SUM:.+]] = scf.for %[[K:[^ ]+]] = %c0{{.*}} to %c16{{.*}} step %c8{{.*}} iter_args(%[[ACC:.+]] = %[[ZERO]])
//       CHECK:       %[[RIGHT:.+]] = tensor.extract_slice %[[W]][%[[O]], %[[K]]] [32, 8] {{.*}} to tensor<32x8xbf16>
//       CHECK:       %[[PACKED:.+]] = linalg.generic {indexing_maps = [#[[T:[^ ,]+]], #[[SAME:[^ ,]+]]], {{.*}} ins(%[[RIGHT]] : {{.*}} outs(%{{.+}} : tensor<8x32xf32>) attrs = {attn.role = "pack"}
//       CHECK:         arith.extf
//       CHECK:       %[[LEFT:.+]] = tensor.extract_slice %[[X]][%[[BATCH]], %[[N]], %[[K]]] [1, 16, 8] {{.*}} to tensor<16x8xf32>
//       CHECK:       %[[NEXT:.+]] = linalg.generic {{.*}}"reduction"]} ins(%[[LEFT]], %[[PACKED]] : {{.*}} outs(%[[ACC]] : tensor<16x32xf32>) attrs = {attn.role = "product"}
//       CHECK:       scf.yield %[[NEXT]]
//   CHECK-DAG:     tensor.extract_slice %[[X]][%[[BATCH]], %[[N]], 16] [1, 16, 4]
//       CHECK:     %[[TAIL:.+]] = linalg.generic {{.*}} outs(%[[SUM]] : tensor<16x32xf32>) attrs = {attn.role = "product"}
//       CHECK:     %[[BIAS:.+]] = tensor.extract_slice %[[B]][%[[O]]] [32]
//       CHECK:     %[[DONE:.+]] = linalg.generic {{.*}} ins(%[[TAIL]], %[[BIAS]] : {{.*}} outs(%[[OUT]] : tensor<16x32xf32>) attrs = {attn.role = "stage"}
//       CHECK:     tensor.parallel_insert_slice %[[DONE]] into %[[ALL]][%[[BATCH]], %[[N]], %[[O]]] [1, 16, 32]
//       CHECK:   {attn.plan = #attn.plan<product
func.func @projection(%x: tensor<3x48x20xf32>, %w: tensor<64x20xbf16>, %bias: tensor<64xf32>) -> tensor<3x48x64xf32> {
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<3x48x64xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<3x48x64xf32>) -> tensor<3x48x64xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<3x48x20xf32>, tensor<64x20xbf16>) outs(%zeros : tensor<3x48x64xf32>) {
  ^bb0(%a: f32, %b: bf16, %s: f32):
    %wide = arith.extf %b : bf16 to f32
    %term = arith.mulf %a, %wide : f32
    %sum = arith.addf %s, %term : f32
    linalg.yield %sum : f32
  } -> tensor<3x48x64xf32>
  %r = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%p, %bias : tensor<3x48x64xf32>, tensor<64xf32>) outs(%init : tensor<3x48x64xf32>) attrs = {attn.plan = #plan} {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %sum = arith.addf %a, %b : f32
    linalg.yield %sum : f32
  } -> tensor<3x48x64xf32>
  return %r : tensor<3x48x64xf32>
}

// -----

#plan = #attn.plan<rowwise, rows_major, rows = 8, keys = 1, lanes = 16, register_tile = [4, 4]>
#all = affine_map<(n, d) -> (n, d)>
#row = affine_map<(n, d) -> (n)>

// The sum of a row is made once for all that read it in the tile, in static scratch of which a tail uses a part; positions
// are those in the whole.

// CHECK-LABEL: func.func @sums
//       CHECK:   scf.forall (%[[TILE:.+]]) in (%{{.+}})
//   CHECK-DAG:     %[[N:.+]] = affine.apply #{{.+}}(%[[TILE]])
//   CHECK-DAG:     %[[COUNT:.+]] = affine.min #{{.+}}(%[[TILE]])
//       CHECK:     tensor.empty() : tensor<8xf32>
//       CHECK:     %[[ZERO:.+]] = linalg.fill {{.*}} -> tensor<?xf32>
//       CHECK:     %[[SUM:.+]] = linalg.generic {{.*}}"reduction"]} ins(%{{.+}} : tensor<?x5xf32>) outs(%[[ZERO]] : tensor<?xf32>)
//   CHECK-NOT:     "reduction"
//       CHECK:     linalg.generic {{.*}} ins(%{{.+}}, %[[SUM]] :
//       CHECK:       %[[LOCAL:.+]] = linalg.index 0
//       CHECK:       arith.addi %[[LOCAL]], %[[N]]
func.func @sums(%x: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x5xf32>
  %init = tensor.empty(%n) : tensor<?x5xf32>
  %row = tensor.empty(%n) : tensor<?xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%row : tensor<?xf32>) -> tensor<?xf32>
  %sums = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
    ins(%x : tensor<?x5xf32>) outs(%zeros : tensor<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %sum = arith.addf %a, %s : f32
    linalg.yield %sum : f32
  } -> tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
    ins(%x, %sums : tensor<?x5xf32>, tensor<?xf32>) outs(%init : tensor<?x5xf32>) attrs = {attn.plan = #plan} {
  ^bb0(%a: f32, %s: f32, %unused: f32):
    %i = linalg.index 0 : index
    %narrow = arith.index_cast %i : index to i32
    %float = arith.sitofp %narrow : i32 to f32
    %difference = arith.subf %a, %s : f32
    %moved = arith.addf %difference, %float : f32
    linalg.yield %moved : f32
  } -> tensor<?x5xf32>
  return %r : tensor<?x5xf32>
}

// -----

#plan = #attn.plan<product, rows_major, rows = 16, keys = 8, lanes = 16, register_tile = [4, 2], precision = bf16>
#left = affine_map<(n, o, k) -> (n, k)>
#right = affine_map<(n, o, k) -> (k, o)>
#out = affine_map<(n, o, k) -> (n, o)>

// In pairs bf16 is packed as it is, and the left operand read in place; the last of 21 steps has no partner and is computed
// in f32. Elsewhere both operands are widened before they are multiplied.

// CHECK-LABEL: func.func @pairs
//       CHECK:   scf.for %{{.+}} = %c0{{.*}} to %c16{{.*}} step %c8
//       CHECK:     linalg.generic {{.*}} outs(%{{.+}} : tensor<8x32xbf16>) attrs = {attn.role = "pack"}
//       CHECK:     linalg.generic {{.*}} ins(%{{.+}}, %{{.+}} : tensor<16x8xbf16>, tensor<8x32xbf16>) {{.*}}"product"
//       CHECK:   linalg.generic {{.*}} outs(%{{.+}} : tensor<4x32xbf16>) attrs = {attn.role = "pack"}
//       CHECK:   linalg.generic {{.*}} ins(%{{.+}}, %{{.+}} : tensor<16x4xbf16>, tensor<4x32xbf16>) {{.*}}"product"
//       CHECK:   linalg.generic {{.*}} outs(%{{.+}} : tensor<1x32xf32>) attrs = {attn.role = "pack"}
//       CHECK:   linalg.generic {{.*}} outs(%{{.+}} : tensor<16x1xf32>) attrs = {attn.role = "pack"}
//       CHECK:   linalg.generic {{.*}} ins(%{{.+}}, %{{.+}} : tensor<16x1xf32>, tensor<1x32xf32>) {{.*}}"product"
func.func @pairs(%x: tensor<48x21xbf16>, %w: tensor<21x64xbf16>) -> tensor<48x64xf32> {
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<48x64xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<48x64xf32>) -> tensor<48x64xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<48x21xbf16>, tensor<21x64xbf16>) outs(%zeros : tensor<48x64xf32>) attrs = {attn.plan = #plan} {
  ^bb0(%a: bf16, %b: bf16, %s: f32):
    %c = arith.extf %a : bf16 to f32
    %d = arith.extf %b : bf16 to f32
    %term = arith.mulf %c, %d : f32
    %sum = arith.addf %s, %term : f32
    linalg.yield %sum : f32
  } -> tensor<48x64xf32>
  return %p : tensor<48x64xf32>
}
