// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-and-fuse))' -split-input-file | FileCheck %s -enable-var-scope

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>
#q = affine_map<(h, i, j, d, e) -> (h, i, d)>
#k = affine_map<(h, i, j, d, e) -> (h, j, d)>
#v = affine_map<(h, i, j, d, e) -> (h, j, e)>
#o = affine_map<(h, i, j, d, e) -> (h, i, e)>
#all = affine_map<(h, j, d) -> (h, j, d)>
#token = affine_map<(h, j, d) -> (h, j)>
#channel = affine_map<(h, j, d) -> (d)>

// Nothing of the whole K is made: each key tile takes its part of what is stored and makes what it needs of that, in
// scratch of static size. Sizes come from the destination. Q, which knows its row, is made where it is packed.

// CHECK-LABEL: func.func @int8_keys
//  CHECK-SAME:   %[[Q:[^ :]+]]: tensor<2x16x4xf32>, %[[K:[^ :]+]]: tensor<2x?x4xi8>, %[[S:[^ :]+]]: tensor<2x?xf32>
//   CHECK-NOT:   linalg.generic
//       CHECK:   scf.forall (%[[H:[^ ,]+]], %{{.+}}) in (2, 1)
//       CHECK:     %[[ROWS:.+]] = tensor.extract_slice %[[Q]][%[[H]], 0, 0] [1, 16, 4]
//       CHECK:     %[[MADE:.+]] = linalg.generic {{.*}} ins(%[[ROWS]] : {{.*}} outs(%{{.+}} : tensor<16x4xf32>) attrs = {attn.role = "produce"}
//       CHECK:       linalg.index 0
//       CHECK:     linalg.generic {{.*}} ins(%[[MADE]] : {{.*}} attrs = {{{.*}}attn.role = "pack"}
//       CHECK:     scf.for %[[J:[^ ]+]] =
//   CHECK-DAG:       %[[STORED:.+]] = tensor.extract_slice %[[K]][%[[H]], %[[J]], 0] [1, 8, 4] {{.*}} to tensor<8x4xi8>
//   CHECK-DAG:       %[[SCALES:.+]] = tensor.extract_slice %[[S]][%[[H]], %[[J]]] [1, 8] {{.*}} to tensor<8xf32>
//       CHECK:       %[[TILE:.+]] = linalg.generic {{.*}} ins(%[[STORED]], %[[SCALES]] : {{.*}} outs(%{{.+}} : tensor<8x4xf32>) attrs = {attn.role = "produce"}
//       CHECK:         arith.sitofp
//       CHECK:       attn.online ins(%{{.+}}, %[[TILE]],
// The tail of keys: a part of scratch for a whole tile.
//       CHECK:     scf.for
//       CHECK:       %[[SCRATCH:.+]] = tensor.empty() : tensor<8x4xf32>
//       CHECK:       %[[PART:.+]] = tensor.extract_slice %[[SCRATCH]][0, 0] [%{{.+}}, 4]
//       CHECK:       linalg.generic {{.*}} outs(%[[PART]] : tensor<?x4xf32>) attrs = {attn.role = "produce"}
func.func @int8_keys(%q: tensor<2x16x4xf32>, %k: tensor<2x?x4xi8>, %scale: tensor<2x?xf32>, %v: tensor<2x?x3xf32>,
                     %init: tensor<2x16x3xf32>) -> tensor<2x16x3xf32> {
  %c1 = arith.constant 1 : index
  %m = tensor.dim %k, %c1 : tensor<2x?x4xi8>
  %k_init = tensor.empty(%m) : tensor<2x?x4xf32>
  %wide = linalg.generic {indexing_maps = [#all, #token, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%k, %scale : tensor<2x?x4xi8>, tensor<2x?xf32>) outs(%k_init : tensor<2x?x4xf32>) {
  ^bb0(%stored: i8, %s: f32, %unused: f32):
    %float = arith.sitofp %stored : i8 to f32
    %value = arith.mulf %float, %s : f32
    linalg.yield %value : f32
  } -> tensor<2x?x4xf32>
  %q_init = tensor.empty() : tensor<2x16x4xf32>
  %moved = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%q : tensor<2x16x4xf32>) outs(%q_init : tensor<2x16x4xf32>) {
  ^bb0(%x: f32, %unused: f32):
    %i = linalg.index 1 : index
    %narrow = arith.index_cast %i : index to i32
    %float = arith.sitofp %narrow : i32 to f32
    %sum = arith.addf %x, %float : f32
    linalg.yield %sum : f32
  } -> tensor<2x16x4xf32>
  %r = attn.generic ins(%moved, %wide, %v : tensor<2x16x4xf32>, tensor<2x?x4xf32>, tensor<2x?x3xf32>)
    outs(out %init : tensor<2x16x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
  return %r : tensor<2x16x3xf32>
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>
#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#all = affine_map<(j, d) -> (j, d)>

// What is made in two steps is made in two steps tile by tile. An op that reads what its destination held stays where it is.

// CHECK-LABEL: func.func @chains
//       CHECK:   %[[READS:.+]] = linalg.generic
//       CHECK:   scf.forall
//       CHECK:     scf.for
//       CHECK:       %[[FIRST:.+]] = linalg.generic {{.*}} attrs = {attn.role = "produce"}
//       CHECK:       linalg.generic {{.*}} ins(%[[FIRST]] : {{.*}} attrs = {attn.role = "produce"}
//       CHECK:       tensor.extract_slice %[[READS]]
func.func @chains(%q: tensor<16x4xf32>, %k: tensor<8x4xi8>, %v: tensor<8x3xf32>, %init: tensor<16x3xf32>,
                  %init_k: tensor<8x4xf32>) -> tensor<16x3xf32> {
  %first = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%k : tensor<8x4xi8>) outs(%init_k : tensor<8x4xf32>) {
  ^bb0(%x: i8, %unused: f32):
    %float = arith.sitofp %x : i8 to f32
    linalg.yield %float : f32
  } -> tensor<8x4xf32>
  %second = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%first : tensor<8x4xf32>) outs(%init_k : tensor<8x4xf32>) {
  ^bb0(%x: f32, %unused: f32):
    %twice = arith.addf %x, %x : f32
    linalg.yield %twice : f32
  } -> tensor<8x4xf32>
  %reads = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%v : tensor<8x3xf32>) outs(%v : tensor<8x3xf32>) {
  ^bb0(%x: f32, %old: f32):
    %sum = arith.addf %x, %old : f32
    linalg.yield %sum : f32
  } -> tensor<8x3xf32>
  %r = attn.generic ins(%q, %second, %reads : tensor<16x4xf32>, tensor<8x4xf32>, tensor<8x3xf32>)
    outs(out %init : tensor<16x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
  return %r : tensor<16x3xf32>
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>
#q = affine_map<(h, i, j, d, e) -> (h, i, d)>
#k = affine_map<(h, i, j, d, e) -> (h, j, d)>
#v = affine_map<(h, i, j, d, e) -> (h, j, e)>
#o = affine_map<(h, i, j, d, e) -> (h, i, e)>
#all = affine_map<(h, j, d) -> (h, j, d)>

// One producer for K and V, as where V is K: made for each of the two, and erased once.

// CHECK-LABEL: func.func @one_for_two
//   CHECK-NOT:   linalg.generic
//       CHECK:   scf.forall
//       CHECK:     scf.for
//       CHECK:       %[[K:.+]] = linalg.generic {{.*}} outs(%{{.+}} : tensor<8x4xf32>) attrs = {attn.role = "produce"}
//       CHECK:       %[[V:.+]] = linalg.generic {{.*}} outs(%{{.+}} : tensor<8x4xf32>) attrs = {attn.role = "produce"}
//       CHECK:       attn.online ins(%{{.+}}, %[[K]], %[[V]] :
func.func @one_for_two(%q: tensor<2x16x4xf32>, %k: tensor<2x24x4xi8>, %init: tensor<2x16x4xf32>) -> tensor<2x16x4xf32> {
  %k_init = tensor.empty() : tensor<2x24x4xf32>
  %wide = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%k : tensor<2x24x4xi8>) outs(%k_init : tensor<2x24x4xf32>) {
  ^bb0(%stored: i8, %unused: f32):
    %float = arith.sitofp %stored : i8 to f32
    linalg.yield %float : f32
  } -> tensor<2x24x4xf32>
  %r = attn.generic ins(%q, %wide, %wide : tensor<2x16x4xf32>, tensor<2x24x4xf32>, tensor<2x24x4xf32>)
    outs(out %init : tensor<2x16x4xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
  return %r : tensor<2x16x4xf32>
}
