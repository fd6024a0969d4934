// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-prepare-abi))' -split-input-file | FileCheck %s -enable-var-scope

#plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>

// Inputs become views that cannot be written, the result an output that the loop writes directly; scalars stay. Checks
// stay before the loop. Each original type is recorded with its name.

//       CHECK: func.func @dense
//  CHECK-SAME:   %[[Q:[^ :]+]]: memref<?x8xf32, strided<[?, 1], offset: ?>>, %[[S:[^ :]+]]: f32,
//  CHECK-SAME:   %[[O:[^ :]+]]: memref<?x8xf32, strided<[?, 1], offset: ?>>)
//  CHECK-SAME:   attn.arguments = [{kind = "input", name = "q", type = tensor<?x8xf32>}, {kind = "scalar", name = "arg1", type = f32}, {kind = "output", name = "out", type = tensor<?x8xf32>}]
//       CHECK:   %[[QT:.+]] = bufferization.to_tensor %[[Q]] restrict :
//   CHECK-NOT:   tensor.empty
//       CHECK:   cf.assert
//   CHECK-NOT:   tensor.empty
//       CHECK:   %[[OT:.+]] = bufferization.to_tensor %[[O]] restrict writable
//       CHECK:   %[[R:.+]] = scf.forall {{.*}} shared_outs(%{{.+}} = %[[OT]])
//       CHECK:     tensor.extract_slice %[[QT]]
//       CHECK:   bufferization.materialize_in_destination %[[R]] in restrict writable %[[O]]
//       CHECK:   return{{$}}
func.func @dense(%q: tensor<?x8xf32> {attn.name = "q"}, %s: f32) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %q, %c0 : tensor<?x8xf32>
  %some = arith.cmpi sge, %n, %c1 : index
  cf.assert %some, "expects a row"
  %empty = tensor.empty(%n) : tensor<?x8xf32>
  %r = scf.forall (%i) in (%n) shared_outs(%o = %empty) -> tensor<?x8xf32> {
    %row = tensor.extract_slice %q[%i, 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<1x8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %row into %o[%i, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<?x8xf32>
    }
  } {attn.plan = #plan}
  return %r : tensor<?x8xf32>
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>

// Grouped heads: the loop writes [Hkv, G, N, D], the function returned [H, N, D]. The output's view is expanded before
// the loop, so nothing is collapsed behind it. The second result is over rows and has a name.

// CHECK-LABEL: func.func @grouped
//  CHECK-SAME:   %{{[^ :]+}}: memref<?x?x8xbf16, strided<[?, ?, 1], offset: ?>>, %[[G:[^ :]+]]: index,
//  CHECK-SAME:   %[[O:[^ :]+]]: memref<?x?x8xbf16, strided<[?, ?, 1], offset: ?>>,
//  CHECK-SAME:   %[[LSE:[^ :]+]]: memref<?x?xf32, strided<[?, 1], offset: ?>>)
//  CHECK-SAME:   {kind = "output", name = "out0", type = tensor<?x?x8xbf16>}, {kind = "output", name = "lse", type = tensor<?x?xf32>}
//       CHECK:   %[[HKV:.+]] = arith.divui
//       CHECK:   %[[VIEW:.+]] = memref.expand_shape %[[O]] {{\[\[}}0, 1], [2], [3]] output_shape [%[[HKV]], %[[G]], %{{.+}}, 8]
//  CHECK-SAME:     into memref<?x?x?x8xbf16, strided<[?, ?, ?, 1], offset: ?>>
//       CHECK:   %[[OT:.+]] = bufferization.to_tensor %[[VIEW]] restrict writable
//       CHECK:   %[[LT:.+]] = bufferization.to_tensor %[[LSE]] restrict writable
//       CHECK:   %[[R:.+]]:2 = scf.forall {{.*}} shared_outs(%{{.+}} = %[[OT]], %{{.+}} = %[[LT]])
//   CHECK-NOT:   tensor.collapse_shape
//       CHECK:   bufferization.materialize_in_destination %[[R]]#0 in restrict writable %[[VIEW]]
//       CHECK:   bufferization.materialize_in_destination %[[R]]#1 in restrict writable %[[LSE]]
func.func @grouped(%q: tensor<?x?x8xbf16>, %g: index) -> (tensor<?x?x8xbf16>, tensor<?x?xf32> {attn.name = "lse"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %h = tensor.dim %q, %c0 : tensor<?x?x8xbf16>
  %n = tensor.dim %q, %c1 : tensor<?x?x8xbf16>
  %hkv = arith.divui %h, %g : index
  %qg = tensor.expand_shape %q [[0, 1], [2], [3]] output_shape [%hkv, %g, %n, 8]
    : tensor<?x?x8xbf16> into tensor<?x?x?x8xbf16>
  %empty = tensor.empty(%h, %n) : tensor<?x?x8xbf16>
  %init = tensor.expand_shape %empty [[0, 1], [2], [3]] output_shape [%hkv, %g, %n, 8]
    : tensor<?x?x8xbf16> into tensor<?x?x?x8xbf16>
  %lempty = tensor.empty(%h, %n) : tensor<?x?xf32>
  %r:2 = scf.forall (%x, %y) in (%hkv, %g) shared_outs(%o = %init, %l = %lempty)
      -> (tensor<?x?x?x8xbf16>, tensor<?x?xf32>) {
    %row = tensor.extract_slice %qg[%x, %y, 0, 0] [1, 1, %n, 8] [1, 1, 1, 1] : tensor<?x?x?x8xbf16> to tensor<?x8xbf16>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %row into %o[%x, %y, 0, 0] [1, 1, %n, 8] [1, 1, 1, 1]
        : tensor<?x8xbf16> into tensor<?x?x?x8xbf16>
    }
  } {attn.plan = #plan}
  %out = tensor.collapse_shape %r#0 [[0, 1], [2], [3]] : tensor<?x?x?x8xbf16> into tensor<?x?x8xbf16>
  return %out, %r#1 : tensor<?x?x8xbf16>, tensor<?x?xf32>
}

// -----

// A function without tensors is no kernel and a declaration has no body: neither changes.

// CHECK-LABEL: func.func @scalars(
//  CHECK-SAME:   %{{.+}}: index) -> index {
//       CHECK: func.func private @declared(tensor<4xf32>)
func.func @scalars(%n: index) -> index {
  return %n : index
}
func.func private @declared(tensor<4xf32>)
