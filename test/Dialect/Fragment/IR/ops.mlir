// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s | attn-opt | FileCheck %s

// Every op and type is printed as it is parsed.

// CHECK-LABEL: func.func @all
func.func @all(%view: memref<?x48xf16, strided<[?, 1], offset: ?>>, %lse: memref<?xf32>, %x: f32) {
  %c0 = arith.constant 0 : index
  // CHECK: %[[K:.+]] = fragment.alloc : <2x32x48xf16>
  %k = fragment.alloc : !fragment.shared<2x32x48xf16>
  %q = fragment.alloc : !fragment.shared<1x64x48xf16>
  // CHECK: fragment.fetch %{{.+}} into %[[K]][%{{.+}}] : memref<?x48xf16, {{.+}}> into <2x32x48xf16>
  fragment.fetch %view into %k[%c0]
    : memref<?x48xf16, strided<[?, 1], offset: ?>> into !fragment.shared<2x32x48xf16>
  // CHECK-NEXT: fragment.commit
  // CHECK-NEXT: fragment.wait 1
  // CHECK-NEXT: fragment.barrier
  fragment.commit
  fragment.wait 1
  fragment.barrier
  // CHECK: fragment.load %{{.+}}[%{{.+}}] : <1x64x48xf16> -> <64x48xf16, operand>
  %a = fragment.load %q[%c0] : !fragment.shared<1x64x48xf16> -> !fragment.tile<64x48xf16, operand>
  // CHECK: fragment.splat %{{.+}} : f32 -> <64x32xf32, accumulator>
  %zero = fragment.splat %x : f32 -> !fragment.tile<64x32xf32, accumulator>
  %m = fragment.splat %x : f32 -> !fragment.tile<64x1xf32, rows>
  // CHECK: fragment.dot transposed %{{.+}}, %[[K]][%{{.+}}], %{{.+}} : <64x48xf16, operand>, {{.+}}
  %s = fragment.dot transposed %a, %k[%c0], %zero
    : !fragment.tile<64x48xf16, operand>, !fragment.shared<2x32x48xf16>, !fragment.tile<64x32xf32, accumulator>
  // CHECK: fragment.reduce max %{{.+}}, %{{.+}} : <64x32xf32, accumulator>, <64x1xf32, rows>
  %top = fragment.reduce max %s, %m : !fragment.tile<64x32xf32, accumulator>, !fragment.tile<64x1xf32, rows>
  // CHECK: fragment.map(%{{.+}}, %{{.+}}) : (!fragment.tile<64x32xf32, accumulator>, !fragment.tile<64x1xf32, rows>) -> {{.+}} {
  // CHECK-NEXT: ^bb0(%{{.+}}: f32, %{{.+}}: f32, %{{.+}}: index, %{{.+}}: index):
  %p = fragment.map(%s, %top) : (!fragment.tile<64x32xf32, accumulator>, !fragment.tile<64x1xf32, rows>)
      -> !fragment.tile<64x32xf32, accumulator> {
  ^bb0(%e: f32, %t: f32, %row: index, %column: index):
    %d = arith.subf %e, %t : f32
    // CHECK: fragment.yield %{{.+}} : f32
    fragment.yield %d : f32
  }
  // CHECK: fragment.convert %{{.+}} : <64x32xf32, accumulator> -> <64x32xf16, operand>
  %w = fragment.convert %p : !fragment.tile<64x32xf32, accumulator> -> !fragment.tile<64x32xf16, operand>
  %acc0 = fragment.splat %x : f32 -> !fragment.tile<64x48xf32, accumulator>
  // CHECK: fragment.dot %{{.+}}, %[[K]]
  %acc = fragment.dot %w, %k[%c0], %acc0
    : !fragment.tile<64x32xf16, operand>, !fragment.shared<2x32x48xf16>, !fragment.tile<64x48xf32, accumulator>
  // CHECK: fragment.sum_rows %{{.+}} : <64x1xf32, rows>
  %sum = fragment.sum_rows %top : !fragment.tile<64x1xf32, rows>
  // CHECK: fragment.store %{{.+}}, %{{.+}} : <64x1xf32, rows>, memref<?xf32>
  fragment.store %top, %lse : !fragment.tile<64x1xf32, rows>, memref<?xf32>
  return
}
