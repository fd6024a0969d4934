// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-convert-to-linalg,attn-prepare-abi),empty-tensor-to-alloc-tensor,one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map},canonicalize,cse,canonicalize)' | FileCheck %s

// A whole kernel, grouped heads in layout [B, N, H, D], causal: one loop over whole key tiles, one over tiles with a mask
// and of a run-time number of keys, a guarded second visit if the first one met a NaN, results stored through slices. All
// of it updates in place: no copy, and only buffers of constant size.

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 16, register_tile = [4, 1]>
#q = affine_map<(b, n, g, h, j, d, e) -> (d, n)>
#k = affine_map<(b, n, g, h, j, d, e) -> (j, d)>
#v = affine_map<(b, n, g, h, j, d, e) -> (j, e)>
#acc = affine_map<(b, n, g, h, j, d, e) -> (e, n)>
#row = affine_map<(b, n, g, h, j, d, e) -> (n)>
#fin_acc = affine_map<(n, e) -> (e, n)>
#fin_row = affine_map<(n, e) -> (n)>
#fin_out = affine_map<(n, e) -> (n, e)>

// CHECK-LABEL: func.func @grouped_causal_bnhd
//   CHECK-NOT:   memref.copy
//   CHECK-NOT:   memref.alloc({{.+}})
//       CHECK:   scf.forall
//   CHECK-NOT:   memref.copy
//   CHECK-NOT:   memref.alloc({{.+}})
//       CHECK:     memref.alloc() {{.*}}: memref<8x16xf32>
//   CHECK-NOT:   memref.copy
//   CHECK-NOT:   memref.alloc({{.+}})
//       CHECK:   return
func.func @grouped_causal_bnhd(%q: tensor<?x?x?x6xf32>, %k: tensor<?x?x?x6xf32>, %v: tensor<?x?x?x4xf32>)
    -> (tensor<?x?x?x4xf32>, tensor<?x?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %B = tensor.dim %q, %c0 : tensor<?x?x?x6xf32>
  %N = tensor.dim %q, %c1 : tensor<?x?x?x6xf32>
  %H = tensor.dim %q, %c2 : tensor<?x?x?x6xf32>
  %M = tensor.dim %k, %c1 : tensor<?x?x?x6xf32>
  %Hkv = tensor.dim %k, %c2 : tensor<?x?x?x6xf32>
  %G = arith.divui %H, %Hkv : index
  %qg = tensor.expand_shape %q [[0], [1], [2, 3], [4]] output_shape [%B, %N, %Hkv, %G, 6]
    : tensor<?x?x?x6xf32> into tensor<?x?x?x?x6xf32>
  %o0 = tensor.empty(%B, %N, %H) : tensor<?x?x?x4xf32>
  %og = tensor.expand_shape %o0 [[0], [1], [2, 3], [4]] output_shape [%B, %N, %Hkv, %G, 4]
    : tensor<?x?x?x4xf32> into tensor<?x?x?x?x4xf32>
  %lg = tensor.empty(%B, %Hkv, %G, %N) : tensor<?x?x?x?xf32>
  %tiles = affine.apply affine_map<()[n] -> (n ceildiv 16)>()[%N]
  %r:2 = scf.forall (%b, %h, %g, %t) in (%B, %Hkv, %G, %tiles) shared_outs(%o = %og, %l = %lg)
      -> (tensor<?x?x?x?x4xf32>, tensor<?x?x?x?xf32>) {
    %n0 = affine.apply affine_map<()[t] -> (t * 16)>()[%t]
    %nq = affine.min affine_map<()[n0, n] -> (n - n0, 16)>()[%n0, %N]
    %qs = tensor.extract_slice %qg[%b, %n0, %h, %g, 0] [1, %nq, 1, 1, 6] [1, 1, 1, 1, 1]
      : tensor<?x?x?x?x6xf32> to tensor<?x6xf32>
    %qe = tensor.empty() : tensor<6x16xf32>
    %qz = linalg.fill ins(%zero : f32) outs(%qe : tensor<6x16xf32>) -> tensor<6x16xf32>
    %qd = tensor.extract_slice %qz[0, 0] [6, %nq] [1, 1] : tensor<6x16xf32> to tensor<6x?xf32>
    %qc = linalg.generic {indexing_maps = [affine_map<(d, n) -> (n, d)>, affine_map<(d, n) -> (d, n)>],
                          iterator_types = ["parallel", "parallel"]}
      ins(%qs : tensor<?x6xf32>) outs(%qd : tensor<6x?xf32>) attrs = {attn.role = "pack"} {
      ^bb0(%x: f32, %y: f32):
        linalg.yield %x : f32
    } -> tensor<6x?xf32>
    %qt = tensor.insert_slice %qc into %qz[0, 0] [6, %nq] [1, 1] : tensor<6x?xf32> into tensor<6x16xf32>

    %ae = tensor.empty() : tensor<4x16xf32>
    %me = tensor.empty() : tensor<16xf32>
    %le = tensor.empty() : tensor<16xf32>
    %a0 = linalg.fill ins(%zero : f32) outs(%ae : tensor<4x16xf32>) -> tensor<4x16xf32>
    %m0 = linalg.fill ins(%ninf : f32) outs(%me : tensor<16xf32>) -> tensor<16xf32>
    %l0 = linalg.fill ins(%zero : f32) outs(%le : tensor<16xf32>) -> tensor<16xf32>
    %full = affine.min affine_map<()[n0, m] -> ((n0 floordiv 8) * 8, (m floordiv 8) * 8)>()[%n0, %M]
    %end = affine.min affine_map<()[n0, nq, m] -> (n0 + nq, m)>()[%n0, %nq, %M]

    %whole:3 = scf.for %j0 = %c0 to %full step %c8 iter_args(%a = %a0, %m = %m0, %s = %l0)
        -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) {
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, 8, 1, 6] [1, 1, 1, 1] : tensor<?x?x?x6xf32> to tensor<8x6xf32>
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, 8, 1, 4] [1, 1, 1, 1] : tensor<?x?x?x4xf32> to tensor<8x4xf32>
      %u:3 = attn.online ins(%qt, %kt, %vt : tensor<6x16xf32>, tensor<8x6xf32>, tensor<8x4xf32>)
        offsets(%b, %n0, %g, %h, %j0, %c0, %c0)
        outs(%a, %m, %s : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
        maps [#q, #k, #v, #acc, #row] exponent_scale(0.58898437023162842) normalizer(#attn.softmax)
      scf.yield %u#0, %u#1, %u#2 : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>
    }
    %masked:3 = scf.for %j0 = %full to %end step %c8 iter_args(%a = %whole#0, %m = %whole#1, %s = %whole#2)
        -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) {
      %nb = affine.min affine_map<()[j0, end] -> (end - j0, 8)>()[%j0, %end]
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %nb, 1, 6] [1, 1, 1, 1] : tensor<?x?x?x6xf32> to tensor<?x6xf32>
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %nb, 1, 4] [1, 1, 1, 1] : tensor<?x?x?x4xf32> to tensor<?x4xf32>
      %u:3 = attn.online ins(%qt, %kt, %vt : tensor<6x16xf32>, tensor<?x6xf32>, tensor<?x4xf32>)
        offsets(%b, %n0, %g, %h, %j0, %c0, %c0)
        outs(%a, %m, %s : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
        maps [#q, #k, #v, #acc, #row] exponent_scale(0.58898437023162842) normalizer(#attn.softmax)
        mask {
          %i = attn.index 1
          %j = attn.index 4
          %keep = arith.cmpi sle, %j, %i : index
          attn.yield %keep : i1
        }
      scf.yield %u#0, %u#1, %u#2 : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>
    }

    %t0 = tensor.empty() : tensor<f32>
    %t1 = linalg.fill ins(%zero : f32) outs(%t0 : tensor<f32>) -> tensor<f32>
    %t2 = linalg.generic {indexing_maps = [affine_map<(e, n) -> (e, n)>, affine_map<(e, n) -> ()>],
                          iterator_types = ["reduction", "reduction"]}
      ins(%masked#0 : tensor<4x16xf32>) outs(%t1 : tensor<f32>) attrs = {attn.role = "check"} {
      ^bb0(%x: f32, %y: f32):
        %p = arith.mulf %x, %zero : f32
        %z = arith.addf %y, %p : f32
        linalg.yield %z : f32
    } -> tensor<f32>
    %t3 = tensor.extract %t2[] : tensor<f32>
    %bad = arith.cmpf uno, %t3, %t3 : f32
    %done:3 = scf.if %bad -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) {
      %a1 = linalg.fill ins(%zero : f32) outs(%masked#0 : tensor<4x16xf32>) -> tensor<4x16xf32>
      %m1 = linalg.fill ins(%ninf : f32) outs(%masked#1 : tensor<16xf32>) -> tensor<16xf32>
      %l1 = linalg.fill ins(%zero : f32) outs(%masked#2 : tensor<16xf32>) -> tensor<16xf32>
      %again:3 = scf.for %j0 = %c0 to %end step %c8 iter_args(%a = %a1, %m = %m1, %s = %l1)
          -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) {
        %nb = affine.min affine_map<()[j0, end] -> (end - j0, 8)>()[%j0, %end]
        %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %nb, 1, 6] [1, 1, 1, 1] : tensor<?x?x?x6xf32> to tensor<?x6xf32>
        %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %nb, 1, 4] [1, 1, 1, 1] : tensor<?x?x?x4xf32> to tensor<?x4xf32>
        %u:3 = attn.online guarded ins(%qt, %kt, %vt : tensor<6x16xf32>, tensor<?x6xf32>, tensor<?x4xf32>)
          offsets(%b, %n0, %g, %h, %j0, %c0, %c0)
          outs(%a, %m, %s : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
          maps [#q, #k, #v, #acc, #row] exponent_scale(0.58898437023162842) normalizer(#attn.softmax)
          mask {
            %i = attn.index 1
            %j = attn.index 4
            %keep = arith.cmpi sle, %j, %i : index
            attn.yield %keep : i1
          }
        scf.yield %u#0, %u#1, %u#2 : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>
      }
      scf.yield %again#0, %again#1, %again#2 : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>
    } else {
      scf.yield %masked#0, %masked#1, %masked#2 : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>
    }

    %av = tensor.extract_slice %done#0[0, 0] [4, %nq] [1, 1] : tensor<4x16xf32> to tensor<4x?xf32>
    %mv = tensor.extract_slice %done#1[0] [%nq] [1] : tensor<16xf32> to tensor<?xf32>
    %lv = tensor.extract_slice %done#2[0] [%nq] [1] : tensor<16xf32> to tensor<?xf32>
    %fe = tensor.empty() : tensor<16xf32>
    %fv = tensor.extract_slice %fe[0] [%nq] [1] : tensor<16xf32> to tensor<?xf32>
    %os = tensor.extract_slice %o[%b, %n0, %h, %g, 0] [1, %nq, 1, 1, 4] [1, 1, 1, 1, 1]
      : tensor<?x?x?x?x4xf32> to tensor<?x4xf32>
    %ls = tensor.extract_slice %l[%b, %h, %g, %n0] [1, 1, 1, %nq] [1, 1, 1, 1] : tensor<?x?x?x?xf32> to tensor<?xf32>
    %fin:3 = attn.finalize ins(%av : tensor<4x?xf32>) state(%mv, %lv : tensor<?xf32>, tensor<?xf32>)
      outs(%os, %ls, %fv : tensor<?x4xf32>, tensor<?xf32>, tensor<?xf32>) returns(out, lse)
      maps [#fin_acc, #fin_row, #fin_out, #fin_row, #fin_row] normalizer(#attn.softmax)
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %fin#0 into %o[%b, %n0, %h, %g, 0] [1, %nq, 1, 1, 4] [1, 1, 1, 1, 1]
        : tensor<?x4xf32> into tensor<?x?x?x?x4xf32>
      tensor.parallel_insert_slice %fin#1 into %l[%b, %h, %g, %n0] [1, 1, 1, %nq] [1, 1, 1, 1]
        : tensor<?xf32> into tensor<?x?x?x?xf32>
    }
  } {attn.plan = #plan}
  %out = tensor.collapse_shape %r#0 [[0], [1], [2, 3], [4]] : tensor<?x?x?x?x4xf32> into tensor<?x?x?x4xf32>
  %lse = tensor.collapse_shape %r#1 [[0], [1, 2], [3]] : tensor<?x?x?x?xf32> into tensor<?x?x?xf32>
  return %out, %lse : tensor<?x?x?x4xf32>, tensor<?x?x?xf32>
}
