// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(gpu.module(attn-convert-fragment-to-nvvm,canonicalize,cse))' | FileCheck %s --enable-var-scope

// Shared memory is placed one tile after the other, at multiples of 1024 bytes; tiles that nobody uses have no place.

// CHECK: llvm.mlir.global external @attn_shared() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

gpu.module @device {
  // 16 bytes at a time where the caller's rows are aligned to it, else element by element; rows that the view lacks
  // arrive as zeros.

  // CHECK-LABEL: func.func @fetch
  //  CHECK-SAME:   attn.launch = {shared_bytes = 1024 : i64, threads = 32 : i64}
  //       CHECK:   arith.andi %{{.+}}, %c15_i64
  //       CHECK:   scf.if
  // CHECK-COUNT-2:   nvvm.cp.async.shared.global %{{.+}}, %{{.+}}, 16, cache = cg, %{{.+}}
  //   CHECK-NOT:     nvvm.cp.async
  //       CHECK:   } else {
  //       CHECK:     scf.for
  //       CHECK:       memref.load
  //       CHECK:       llvm.store %{{.+}}, %{{.+}} : f16, !llvm.ptr<3>
  //       CHECK:   nvvm.cp.async.commit.group
  //       CHECK:   nvvm.cp.async.wait.group 1
  //       CHECK:   nvvm.barrier
  func.func @fetch(%view: memref<?x64xf16, strided<[?, 1], offset: ?>>) attributes {attn.launch = {threads = 32}} {
    %c0 = arith.constant 0 : index
    %other = fragment.alloc : !fragment.shared<1x8x16xf16>
    %k = fragment.alloc : !fragment.shared<1x8x64xf16>
    fragment.fetch %view into %k[%c0] : memref<?x64xf16, strided<[?, 1], offset: ?>> into !fragment.shared<1x8x64xf16>
    fragment.fetch %view into %k[%c0] : memref<?x64xf16, strided<[?, 1], offset: ?>> into !fragment.shared<1x8x64xf16>
    fragment.commit
    fragment.wait 1
    fragment.barrier
    return
  }

  // 16 x 16 products of depth 32: for each 16 of depth one ldmatrix of B and two mma. Then the maximum of each row over
  // its four lanes, and 2^x by the machine's instruction for each element.

  // CHECK-LABEL: func.func @product
  //       CHECK:   nvvm.ldmatrix %{{.+}} {{.*}}layout = #nvvm.mma_layout<row>
  //       CHECK:   nvvm.ldmatrix
  //       CHECK:   nvvm.ldmatrix %{{.+}} {{.*}}layout = #nvvm.mma_layout<row>
  //       CHECK:   nvvm.mma.sync {{.+}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
  //       CHECK:   nvvm.mma.sync
  //       CHECK:   nvvm.ldmatrix
  // CHECK-COUNT-2: nvvm.mma.sync
  //   CHECK-NOT:   nvvm.mma.sync
  // CHECK-COUNT-4: nvvm.shfl.sync bfly
  //   CHECK-NOT:   nvvm.shfl
  // CHECK-COUNT-8: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"
  //   CHECK-NOT:   llvm.call_intrinsic
  //       CHECK:   memref.store
  func.func @product(%out: memref<?x16xf32>) attributes {attn.launch = {threads = 32}} {
    %c0 = arith.constant 0 : index
    %x = arith.constant 0.0 : f32
    %q = fragment.alloc : !fragment.shared<1x16x32xbf16>
    %k = fragment.alloc : !fragment.shared<1x16x32xbf16>
    %a = fragment.load %q[%c0] : !fragment.shared<1x16x32xbf16> -> !fragment.tile<16x32xbf16, operand>
    %c = fragment.splat %x : f32 -> !fragment.tile<16x16xf32, accumulator>
    %m = fragment.splat %x : f32 -> !fragment.tile<16x1xf32, rows>
    %d = fragment.dot transposed %a, %k[%c0], %c
      : !fragment.tile<16x32xbf16, operand>, !fragment.shared<1x16x32xbf16>, !fragment.tile<16x16xf32, accumulator>
    %top = fragment.reduce max %d, %m : !fragment.tile<16x16xf32, accumulator>, !fragment.tile<16x1xf32, rows>
    %p = fragment.map(%d, %top) : (!fragment.tile<16x16xf32, accumulator>, !fragment.tile<16x1xf32, rows>)
        -> !fragment.tile<16x16xf32, accumulator> {
    ^bb0(%s: f32, %t: f32, %row: index, %column: index):
      %difference = arith.subf %s, %t : f32
      %e = math.exp2 %difference fastmath<afn> : f32
      fragment.yield %e : f32
    }
    fragment.store %p, %out : !fragment.tile<16x16xf32, accumulator>, memref<?x16xf32>
    return
  }
}
