// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-plan-stages,attn-select-plan,attn-tile-stages,attn-tile-and-fuse),attn-verify-stage{stage=tile},func.func(attn-convert-to-linalg,attn-prepare-abi),attn-verify-stage{stage=linalg})' \
// RUN:   | FileCheck %s --check-prefix=ABI
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-plan-stages,attn-select-plan,attn-tile-stages,attn-tile-and-fuse,attn-convert-to-linalg,attn-prepare-abi,attn-merge-slices,attn-hide-bounds),empty-tensor-to-alloc-tensor,one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map},canonicalize,cse,canonicalize)' \
// RUN:   | FileCheck %s --implicit-check-not=memref.copy --implicit-check-not='memref.alloc(%{{.*}}f16>'

// No copy of a cache exists: its argument is written where the new rows belong, and attention reads that memory. All that
// is allocated has a size that no cache has a part in: of unknown size are the states of parts of the keys, in f32.

// ABI-LABEL: func.func @step
//  ABI-SAME:   {kind = "input", name = "q", {{[^}]*}}}, {kind = "input", name = "rows", {{[^}]*}}}, {kind = "inout", name = "cache", {{[^}]*}}}, {kind = "input", name = "at", {{[^}]*}}}, {kind = "output", name = "out",
//       ABI:   bufferization.to_tensor %{{.+}} restrict writable : memref<?x2x?x64xf16, strided<[?, ?, ?, 1], offset: ?>>
//       ABI:   bufferization.materialize_in_destination %{{.+}} in restrict writable %{{.+}} : (tensor<?x2x?x64xf16>,
//       ABI:   return

// CHECK-LABEL: func.func @step
//  CHECK-SAME:   %[[Q:[^ :]+]]: memref<{{[^>]*}}>>, %[[ROWS:[^ :]+]]: memref<{{[^>]*}}>>, %[[CACHE:[^ :]+]]: memref<?x2x?x64xf16,
//       CHECK:   scf.forall
//       CHECK:     memref.subview %[[CACHE]]
//       CHECK:     linalg.generic {{.*}} attrs = {attn.role = "stage"}
//       CHECK:   scf.forall
//       CHECK:     memref.subview %[[CACHE]]
//       CHECK:   return
#q = affine_map<(b, h, g, j, d, e) -> (b, h, g, d)>
#k = affine_map<(b, h, g, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, g, j, d, e) -> (b, h, j, e)>
#length = affine_map<(b, h, g, j, d, e) -> (b)>
#out = affine_map<(b, h, g, j, d, e) -> (b, h, g, e)>
func.func @step(%q: tensor<?x2x4x64xf32> {attn.name = "q"}, %rows: tensor<?x2x1x64xf16> {attn.name = "rows"},
    %cache: tensor<?x2x?x64xf16> {attn.name = "cache"}, %at: tensor<?xi32> {attn.name = "at"})
    -> (tensor<?x2x?x64xf16>, tensor<?x2x4x64xf32>) {
  %c0 = arith.constant 0 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x4x64xf32>
  %init = tensor.empty(%b) : tensor<?x2x4x64xf32>
  %keys = attn.append_kv %rows, %cache at(%at : tensor<?xi32>)
    : (tensor<?x2x1x64xf16>, tensor<?x2x?x64xf16>) -> tensor<?x2x?x64xf16>
  %out = attn.generic ins(%q, %keys, %keys : tensor<?x2x4x64xf32>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>)
    mask_ins(%at : tensor<?xi32>) outs(out %init : tensor<?x2x4x64xf32>)
    maps [#q, #k, #v, #length, #out] scale(1.250000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%length: i32):
      %j = attn.index 3
      %last = arith.index_cast %length : i32 to index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %keys, %out : tensor<?x2x?x64xf16>, tensor<?x2x4x64xf32>
}

// A size that is known could be allocated, and would be copied without anybody's notice.

// CHECK-LABEL: func.func @known_sizes
//   CHECK-NOT:   memref.alloc
//       CHECK:   return
func.func @known_sizes(%rows: tensor<2x4x3x64xf32>, %cache: tensor<2x4x9x64xf32>, %at: tensor<2xi32>)
    -> tensor<2x4x9x64xf32> {
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>)
    : (tensor<2x4x3x64xf32>, tensor<2x4x9x64xf32>) -> tensor<2x4x9x64xf32>
  return %0 : tensor<2x4x9x64xf32>
}
