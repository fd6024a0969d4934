// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize))' -split-input-file | FileCheck %s --check-prefix=NORMAL -enable-var-scope
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-plan-stages,attn-select-plan,attn-tile-stages,attn-tile-and-fuse),attn-verify-stage{stage=tile})' -split-input-file | FileCheck %s -enable-var-scope

// Pages of 32 rows, key tiles of 16: inside of the key loop each tile reads its own rows, into scratch of a tile, and a
// number that is no page's reads the nearest page. Nothing is gathered outside of it.

// NORMAL-LABEL: func.func @divided_by_tiles
//  NORMAL-SAME:   %{{[^ :]+}}: tensor<1x2x4x64xf32>, %[[PAGES:[^ :]+]]: tensor<?x2x32x64xf32>, %[[TABLE:[^ :]+]]: tensor<1x?xi32>
//   NORMAL-DAG:   cf.assert %{{.+}}, "'pages' has a page"
//       NORMAL:   %[[LAST:.+]] = arith.subi %{{.+}}, %{{.+}} : index
//       NORMAL:   linalg.generic
//       NORMAL:     %[[J:.+]] = linalg.index 2
//       NORMAL:     %[[ENTRY:.+]] = arith.divui %[[J]], %c32
//       NORMAL:     %[[NUMBER:.+]] = tensor.extract %[[TABLE]][%{{.+}}, %[[ENTRY]]]
//       NORMAL:     %[[PAGE:.+]] = arith.index_cast %[[NUMBER]]
//       NORMAL:     %[[FROM:.+]] = arith.maxsi %[[PAGE]], %c0
//       NORMAL:     %[[SAFE:.+]] = arith.minsi %[[FROM]], %[[LAST]]
//       NORMAL:     %[[ROW:.+]] = arith.remui %[[J]], %c32
//       NORMAL:     tensor.extract %[[PAGES]][%[[SAFE]], %{{.+}}, %[[ROW]], %{{.+}}]
//   NORMAL-NOT:   attn.gather_pages

// CHECK-LABEL: func.func @divided_by_tiles
//   CHECK-NOT:   linalg.generic
//   CHECK-NOT:   tensor.extract %
//       CHECK:   scf.forall
//   CHECK-NOT:   tensor<?x2x?x64xf32>
//   CHECK-NOT:     tensor.extract %
//       CHECK:     scf.for
//       CHECK:       %[[TILE:.+]] = linalg.generic {{.*}} outs(%{{.+}} : tensor<16x64xf32>) attrs = {attn.role = "produce"}
//       CHECK:         tensor.extract
//       CHECK:         tensor.extract
//       CHECK:       attn.online {{.*}}%[[TILE]]
func.func @divided_by_tiles(%q: tensor<1x2x4x64xf32>, %pages: tensor<?x2x32x64xf32>, %table: tensor<1x?xi32>)
    -> tensor<1x2x4x64xf32> {
  %k = attn.gather_pages %pages, %table : (tensor<?x2x32x64xf32>, tensor<1x?xi32>) -> tensor<1x2x?x64xf32>
  %o = attn.sdpa %q, %k, %k : (tensor<1x2x4x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x2x4x64xf32>
  return %o : tensor<1x2x4x64xf32>
}

// -----

// Many row tiles, all sizes known, pages of 5 rows of int8 that are dequantised: neither is the whole K made once for all
// of them, as it would be of what is costly to compute, nor does the size of pages show in the tiles.

#all = affine_map<(b, j, h, d) -> (b, j, h, d)>

// CHECK-LABEL: func.func @int8_pages
//   CHECK-NOT:   linalg.generic
//       CHECK:   scf.forall
//   CHECK-NOT:   scf.forall
//       CHECK:     scf.for
//       CHECK:       linalg.generic {{.*}} outs(%{{.+}} : tensor<[[KEYS:[0-9]+]]x32xi8>) attrs = {attn.role = "produce"}
//       CHECK:         tensor.extract
//       CHECK:       linalg.generic {{.*}} outs(%{{.+}} : tensor<[[KEYS]]x32xf32>) attrs = {attn.role = "produce"}
//       CHECK:         arith.sitofp
//       CHECK:       attn.online
func.func @int8_pages(%q: tensor<2x300x3x32xf32>, %pages: tensor<99x5x3x32xi8>, %table: tensor<2x60xi64>)
    -> tensor<2x300x3x32xf32> {
  %stored = attn.gather_pages %pages, %table layout(bnhd) : (tensor<99x5x3x32xi8>, tensor<2x60xi64>) -> tensor<2x300x3x32xi8>
  %init = tensor.empty() : tensor<2x300x3x32xf32>
  %k = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%stored : tensor<2x300x3x32xi8>) outs(%init : tensor<2x300x3x32xf32>) {
  ^bb0(%x: i8, %unused: f32):
    %y = arith.sitofp %x : i8 to f32
    linalg.yield %y : f32
  } -> tensor<2x300x3x32xf32>
  %o = attn.sdpa %q, %k, %k layout(bnhd)
    : (tensor<2x300x3x32xf32>, tensor<2x300x3x32xf32>, tensor<2x300x3x32xf32>) -> tensor<2x300x3x32xf32>
  return %o : tensor<2x300x3x32xf32>
}
