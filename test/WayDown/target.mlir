// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx512
// The way down, last rung: vector code, in the middle of stage `target`. Behind it come only conversions to llvm.
//
// Takes linalg.mlir. The kernel NAME is three private functions now:
//
//   NAME_task(arguments, task, scratch)   one iteration of the parallel loop; `attn.kernel` tells the name, the
//                                         arguments and how much scratch a task needs
//   NAME_tasks(arguments)                 how many tasks there are
//   NAME_check(arguments)                 0, or the status of a call whose sizes disagree
//
// Nothing allocates. A tile in memory is a view of the scratch that the caller passes:
//
//   from 0      Q       [d, rows]      scaled and transposed
//   from 16384  acc     [e, rows]      sums of weighted values
//   from 32768  scores  [keys, rows]   and then weights
//
// Lanes are query rows: the 64 rows of a tile are one vector, which LLVM keeps in 4 registers of 16 lanes. The maximum
// m, the sum l and the factor alpha of a row are lanes, too, so that softmax has no reduction across lanes, and K and V
// are read one element at a time from where they lie. Each element serves 4 multiply-adds, and each vector serves 4
// elements: scores of 4 keys, or 4 columns of acc, are summed at once (`register_tile`), in 16 of 32 registers.
//
// By hand, the maximum is taken while scores are in registers, m and l go from tile to tile in vectors, and the next
// tile of K is asked for while weights are computed. What the passes leave goes through scratch for the first two, and
// spells registers out, one vector<16xf32> each.

// What both have in common:
// DEFINE: %{public} = sed 's/private @\(dense\|causal\)_/@\1_/'
// DEFINE: %{bufferize} = empty-tensor-to-alloc-tensor,one-shot-bufferize{bufferize-function-boundaries \
// DEFINE:   function-boundary-type-conversion=identity-layout-map},cse
// DEFINE: %{outline} = attn-outline-tasks,canonicalize,cse,canonicalize
// DEFINE: %{vectorize} = func.func(attn-assign-workspace,attn-vectorize-tiles),attn-verify-target
// RUN: %{public} %s | attn-opt -pass-pipeline='builtin.module(attn-verify-target,inline,canonicalize,cse)' \
// RUN:   | FileCheck %s --enable-var-scope
// RUN: attn-opt %S/linalg.mlir \
// RUN:   -pass-pipeline='builtin.module(%{bufferize},%{outline},%{vectorize},canonicalize,cse)' \
// RUN:   | FileCheck %s --enable-var-scope

// DEFINE: %{sizes} = --shape=q=2x77x3x64 --shape=k=2x130x3x64 --shape=v=2x130x3x64
// DEFINE: %{blind} = --shape=q=1x70x2x64 --shape=k=1x5x2x64 --shape=v=1x5x2x64
// DEFINE: %{run} = attn-run %s --start-after=linalg --reference=%S/generic.mlir --compare
// RUN: %{run} --func=dense %{sizes} --strides=padded
// RUN: %{run} --func=causal %{sizes} --strides=padded --threads=2
// RUN: %{run} --func=causal %{sizes} --strides=guarded
// RUN: %{run} --func=causal %{blind} --strides=permuted
// RUN: %{run} --func=causal %{sizes} --fill=v=nan@:,129
// RUN: %{run} --func=dense %{sizes} --fill=v=inf@:,7,1
// RUN: %{run} --func=dense --shape=q=1x3x2x64 --shape=k=1x0x2x64 --shape=v=1x0x2x64
// RUN: not attn-run %s --start-after=linalg --func=dense %{sizes} --shape=out=2x78x3x64 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REFUSED
// REFUSED: 'dense' refuses the call with status 4

// CHECK-LABEL: @dense_task(
//  CHECK-SAME:   %[[Q:[^ :]+]]: memref<?x?x?x64xf32, strided<[?, ?, ?, 1], offset: ?>>,
//  CHECK-SAME:   %[[TASK:[^ :]+]]: index, %[[SCRATCH:[^ :]+]]: memref<?xi8>)
//  CHECK-SAME:   kind = "output", name = "out", {{.+}} name = "dense", workspace = {{[0-9]+}} : i64}
//       CHECK:   %[[BACK:.+]] = arith.remui %[[TASK]], %[[TILES:.+]] : index
//       CHECK:   arith.divui %[[TASK]], %[[TILES]] : index
//       CHECK:   arith.subi %{{.+}}, %[[BACK]] : index
//       CHECK:   memref.view %[[SCRATCH]][%c0][] : memref<?xi8> to memref<64x64xf32>
// CHECK-COUNT-64: vector.shuffle
//       CHECK:   scf.for %[[J:.+]] = %c0 to %[[WHOLE:[^ ]+]] step %c64
//       CHECK:     scf.for %{{.+}} = %c0 to %c64 step %c4
//       CHECK:       scf.for %[[D:.+]] = %c0 to %c64 step %c{{1|2}}
//   CHECK-DAG:         %[[K:.+]] = memref.load %{{.+}}, %[[D]]] :
//   CHECK-DAG:         %[[QT:.+]] = vector.load %{{.+}}[%[[D]], %c0] : memref<64x64xf32>
//       CHECK:         %[[K16:.+]] = vector.broadcast %[[K]]
//       CHECK:         %[[KQ:.+]] = arith.mulf %[[K16]], %[[QT]] fastmath<contract>
//       CHECK:         arith.addf %{{.+}}, %[[KQ]] fastmath<contract>
//       CHECK:     arith.cmpf ogt
//       CHECK:     arith.select
//       CHECK:     math.exp2 %{{.+}} {attn.non_positive} : vector<16xf32>
//       CHECK:     scf.for %{{.+}} = %c0 to %c64 step %c1
//       CHECK:       math.exp2 %{{.+}} {attn.non_positive} : vector<16xf32>
//       CHECK:     scf.for %[[E:.+]] = %c0 to %c64 step %c4
//       CHECK:       arith.mulf
//       CHECK:       scf.for %{{.+}} = %c0 to %c64 step %c{{1|2}}
//       CHECK:         memref.load %{{.+}}, %[[E]]] :
//       CHECK:         arith.addf %{{.+}}, %{{.+}} fastmath<contract>
//       CHECK:   scf.for %{{.+}} = %[[WHOLE]] to %[[END:[^ ]+]] step %c64
//       CHECK:     affine.min
//       CHECK:     math.exp2
//       CHECK:   arith.cmpf {{uno|ord}}
//       CHECK:   scf.if
//       CHECK:     scf.for %{{.+}} = %c0 to %[[END]] step
//       CHECK:       math.exp2
// CHECK-COUNT-64: vector.shuffle
// CHECK-LABEL: @dense_tasks(
//       CHECK:   arith.muli
// CHECK-LABEL: @dense_check(
//       CHECK:   %[[ERROR:.+]] = arith.constant 4 : i32
//       CHECK:   arith.select %{{.+}}, %{{.+}}, %[[ERROR]] : i32

// CHECK-LABEL: @causal_task(
//  CHECK-SAME:   %[[Q:[^ :]+]]: memref<?x?x?x64xf32, strided<[?, ?, ?, 1], offset: ?>>,
//  CHECK-SAME:   %[[TASK:[^ :]+]]: index, %[[SCRATCH:[^ :]+]]: memref<?xi8>)
//  CHECK-SAME:   kind = "output", name = "out", {{.+}} name = "causal", workspace = {{[0-9]+}} : i64}
//       CHECK:   %[[BACK:.+]] = arith.remui %[[TASK]], %[[TILES:.+]] : index
//       CHECK:   arith.divui %[[TASK]], %[[TILES]] : index
//       CHECK:   arith.subi %{{.+}}, %[[BACK]] : index
//       CHECK:   memref.view %[[SCRATCH]][%c0][] : memref<?xi8> to memref<64x64xf32>
// CHECK-COUNT-64: vector.shuffle
//       CHECK:   scf.for %[[J:.+]] = %c0 to %[[WHOLE:[^ ]+]] step %c64
//       CHECK:     scf.for %{{.+}} = %c0 to %c64 step %c4
//       CHECK:       scf.for %[[D:.+]] = %c0 to %c64 step %c{{1|2}}
//   CHECK-DAG:         %[[K:.+]] = memref.load %{{.+}}, %[[D]]] :
//   CHECK-DAG:         %[[QT:.+]] = vector.load %{{.+}}[%[[D]], %c0] : memref<64x64xf32>
//       CHECK:         %[[K16:.+]] = vector.broadcast %[[K]]
//       CHECK:         %[[KQ:.+]] = arith.mulf %[[K16]], %[[QT]] fastmath<contract>
//       CHECK:         arith.addf %{{.+}}, %[[KQ]] fastmath<contract>
//       CHECK:     arith.cmpf ogt
//       CHECK:     arith.select
//       CHECK:     math.exp2 %{{.+}} {attn.non_positive} : vector<16xf32>
//       CHECK:     scf.for %{{.+}} = %c0 to %c64 step %c1
//       CHECK:       math.exp2 %{{.+}} {attn.non_positive} : vector<16xf32>
//       CHECK:     scf.for %[[E:.+]] = %c0 to %c64 step %c4
//       CHECK:       arith.mulf
//       CHECK:       scf.for %{{.+}} = %c0 to %c64 step %c{{1|2}}
//       CHECK:         memref.load %{{.+}}, %[[E]]] :
//       CHECK:         arith.addf %{{.+}}, %{{.+}} fastmath<contract>
//       CHECK:   scf.for %{{.+}} = %[[WHOLE]] to %[[END:[^ ]+]] step %c64
//       CHECK:     affine.min
//       CHECK:     arith.cmpi
//       CHECK:     math.exp2
//       CHECK:   arith.cmpf {{uno|ord}}
//       CHECK:   scf.if
//       CHECK:     scf.for %{{.+}} = %c0 to %[[END]] step
//       CHECK:       math.exp2
// CHECK-COUNT-64: vector.shuffle
// CHECK-LABEL: @causal_tasks(
//       CHECK:   arith.muli
// CHECK-LABEL: @causal_check(
//       CHECK:   %[[ERROR:.+]] = arith.constant 4 : i32
//       CHECK:   arith.select %{{.+}}, %{{.+}}, %[[ERROR]] : i32

!view = memref<?x?x?x64xf32, strided<[?, ?, ?, 1], offset: ?>>
!head = memref<?x64xf32, strided<[?, 1], offset: ?>> // the rows of one head, where the caller has them
!tile = memref<64x64xf32>
!rows = vector<64xf32>  // one number for each query row
!lanes = vector<16xf32> // one register
#arguments = [
  {kind = "input", name = "q", type = tensor<?x?x?x64xf32>}, {kind = "input", name = "k", type = tensor<?x?x?x64xf32>},
  {kind = "input", name = "v", type = tensor<?x?x?x64xf32>},
  {kind = "output", name = "out", type = tensor<?x?x?x64xf32>}
]

// Words that the tasks are written in. All are inlined but @redo, which is hardly ever called.

/// a + x b: one element of K or V, all rows.
func.func private @fma(%x: f32, %b: !rows, %a: !rows) -> !rows attributes {passthrough = ["alwaysinline"]} {
  %x64 = vector.broadcast %x : f32 to !rows
  %product = arith.mulf %x64, %b fastmath<contract> : !rows
  %sum = arith.addf %a, %product fastmath<contract> : !rows
  return %sum : !rows
}

/// The larger one, or y where x is NaN: one instruction.
func.func private @max(%x: !rows, %y: !rows) -> !rows attributes {passthrough = ["alwaysinline"]} {
  %isLarger = arith.cmpf ogt, %x, %y : !rows
  %z = arith.select %isLarger, %x, %y : vector<64xi1>, !rows
  return %z : !rows
}

/// 2^(x - m), where x <= m. A row that has seen no key has m = -inf; the lowest float stands for it, for -inf - -inf is
/// NaN. The functions are expanded one register at a time.
func.func private @weight(%x: !rows, %m: !rows) -> !rows attributes {passthrough = ["alwaysinline"]} {
  %lowest = arith.constant dense<-3.40282347E+38> : !rows
  %finite = func.call @max(%m, %lowest) : (!rows, !rows) -> !rows
  %difference = arith.subf %x, %finite : !rows
  %x0 = vector.extract_strided_slice %difference {offsets = [0], sizes = [16], strides = [1]} : !rows to !lanes
  %e0 = math.exp2 %x0 {attn.non_positive} : !lanes
  %y0 = vector.insert_strided_slice %e0, %difference {offsets = [0], strides = [1]} : !lanes into !rows
  %x1 = vector.extract_strided_slice %difference {offsets = [16], sizes = [16], strides = [1]} : !rows to !lanes
  %e1 = math.exp2 %x1 {attn.non_positive} : !lanes
  %y1 = vector.insert_strided_slice %e1, %y0 {offsets = [16], strides = [1]} : !lanes into !rows
  %x2 = vector.extract_strided_slice %difference {offsets = [32], sizes = [16], strides = [1]} : !rows to !lanes
  %e2 = math.exp2 %x2 {attn.non_positive} : !lanes
  %y2 = vector.insert_strided_slice %e2, %y1 {offsets = [32], strides = [1]} : !lanes into !rows
  %x3 = vector.extract_strided_slice %difference {offsets = [48], sizes = [16], strides = [1]} : !rows to !lanes
  %e3 = math.exp2 %x3 {attn.non_positive} : !lanes
  %y3 = vector.insert_strided_slice %e3, %y2 {offsets = [48], strides = [1]} : !lanes into !rows
  return %y3 : !rows
}

/// -inf for rows that do not see key j. Row i sees the keys up to diagonal + i. Bounded, the difference fits 32 bits.
func.func private @mask(%s: !rows, %j: index, %diagonal: index) -> !rows
    attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %minusInf = arith.constant dense<0xFF800000> : !rows
  %i = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53,
    54, 55, 56, 57, 58, 59, 60, 61, 62, 63]> : vector<64xi32>
  %ahead = arith.subi %j, %diagonal : index
  %atLeast = arith.maxsi %ahead, %c0 : index
  %first = arith.minsi %atLeast, %c64 : index
  %first32 = arith.index_cast %first : index to i32
  %first64 = vector.broadcast %first32 : i32 to vector<64xi32>
  %sees = arith.cmpi sge, %i, %first64 : vector<64xi32>
  %kept = arith.select %sees, %s, %minusInf : vector<64xi1>, !rows
  return %kept : !rows
}

/// Two vectors, interleaved: x0 y0 x1 y1 ..
func.func private @interleave(%x: !lanes, %y: !lanes) -> (!lanes, !lanes) attributes {passthrough = ["alwaysinline"]} {
  %low = vector.shuffle %x, %y [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23] : !lanes, !lanes
  %high = vector.shuffle %x, %y [8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31] : !lanes, !lanes
  return %low, %high : !lanes, !lanes
}

/// 16 rows become 16 columns. Interleaving the halves of a sequence rotates the bits of an element's number by one;
/// after four times the four bits of its row and the four of its column have changed places.
func.func private @transpose(%a0: !lanes, %a1: !lanes, %a2: !lanes, %a3: !lanes, %a4: !lanes, %a5: !lanes,
                             %a6: !lanes, %a7: !lanes, %a8: !lanes, %a9: !lanes, %a10: !lanes, %a11: !lanes,
                             %a12: !lanes, %a13: !lanes, %a14: !lanes, %a15: !lanes)
    -> (!lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes,
        !lanes, !lanes, !lanes)
    attributes {passthrough = ["alwaysinline"]} {
  %b0:2 = func.call @interleave(%a0, %a8) : (!lanes, !lanes) -> (!lanes, !lanes)
  %b1:2 = func.call @interleave(%a1, %a9) : (!lanes, !lanes) -> (!lanes, !lanes)
  %b2:2 = func.call @interleave(%a2, %a10) : (!lanes, !lanes) -> (!lanes, !lanes)
  %b3:2 = func.call @interleave(%a3, %a11) : (!lanes, !lanes) -> (!lanes, !lanes)
  %b4:2 = func.call @interleave(%a4, %a12) : (!lanes, !lanes) -> (!lanes, !lanes)
  %b5:2 = func.call @interleave(%a5, %a13) : (!lanes, !lanes) -> (!lanes, !lanes)
  %b6:2 = func.call @interleave(%a6, %a14) : (!lanes, !lanes) -> (!lanes, !lanes)
  %b7:2 = func.call @interleave(%a7, %a15) : (!lanes, !lanes) -> (!lanes, !lanes)
  %c0:2 = func.call @interleave(%b0#0, %b4#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %c1:2 = func.call @interleave(%b0#1, %b4#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %c2:2 = func.call @interleave(%b1#0, %b5#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %c3:2 = func.call @interleave(%b1#1, %b5#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %c4:2 = func.call @interleave(%b2#0, %b6#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %c5:2 = func.call @interleave(%b2#1, %b6#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %c6:2 = func.call @interleave(%b3#0, %b7#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %c7:2 = func.call @interleave(%b3#1, %b7#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %d0:2 = func.call @interleave(%c0#0, %c4#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %d1:2 = func.call @interleave(%c0#1, %c4#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %d2:2 = func.call @interleave(%c1#0, %c5#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %d3:2 = func.call @interleave(%c1#1, %c5#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %d4:2 = func.call @interleave(%c2#0, %c6#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %d5:2 = func.call @interleave(%c2#1, %c6#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %d6:2 = func.call @interleave(%c3#0, %c7#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %d7:2 = func.call @interleave(%c3#1, %c7#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %e0:2 = func.call @interleave(%d0#0, %d4#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %e1:2 = func.call @interleave(%d0#1, %d4#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %e2:2 = func.call @interleave(%d1#0, %d5#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %e3:2 = func.call @interleave(%d1#1, %d5#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %e4:2 = func.call @interleave(%d2#0, %d6#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %e5:2 = func.call @interleave(%d2#1, %d6#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  %e6:2 = func.call @interleave(%d3#0, %d7#0) : (!lanes, !lanes) -> (!lanes, !lanes)
  %e7:2 = func.call @interleave(%d3#1, %d7#1) : (!lanes, !lanes) -> (!lanes, !lanes)
  return %e0#0, %e0#1, %e1#0, %e1#1, %e2#0, %e2#1, %e3#0, %e3#1, %e4#0, %e4#1, %e5#0, %e5#1, %e6#0, %e6#1, %e7#0,
         %e7#1
    : !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes,
      !lanes, !lanes
}

// 1. Pack: Q transposed, times scale and log2(e), zeros for rows that there are not.

func.func private @pack(%q: !head, %rows: index, %qt: !tile) attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !rows
  %factor = arith.constant 0.18033688 : f32 // 0.125 * 1.442695
  %factors = vector.broadcast %factor : f32 to !lanes
  scf.for %d = %c0 to %c64 step %c1 {
    vector.store %zero, %qt[%d, %c0] : !tile, !rows
  }
  %wholeEnd = affine.apply affine_map<()[rows] -> ((rows floordiv 16) * 16)>()[%rows]
  scf.for %i = %c0 to %wholeEnd step %c16 {
    scf.for %d = %c0 to %c64 step %c16 {
      %a0 = vector.load %q[%i, %d] : !head, !lanes
      %i1 = affine.apply affine_map<(i) -> (i + 1)>(%i)
      %a1 = vector.load %q[%i1, %d] : !head, !lanes
      %i2 = affine.apply affine_map<(i) -> (i + 2)>(%i)
      %a2 = vector.load %q[%i2, %d] : !head, !lanes
      %i3 = affine.apply affine_map<(i) -> (i + 3)>(%i)
      %a3 = vector.load %q[%i3, %d] : !head, !lanes
      %i4 = affine.apply affine_map<(i) -> (i + 4)>(%i)
      %a4 = vector.load %q[%i4, %d] : !head, !lanes
      %i5 = affine.apply affine_map<(i) -> (i + 5)>(%i)
      %a5 = vector.load %q[%i5, %d] : !head, !lanes
      %i6 = affine.apply affine_map<(i) -> (i + 6)>(%i)
      %a6 = vector.load %q[%i6, %d] : !head, !lanes
      %i7 = affine.apply affine_map<(i) -> (i + 7)>(%i)
      %a7 = vector.load %q[%i7, %d] : !head, !lanes
      %i8 = affine.apply affine_map<(i) -> (i + 8)>(%i)
      %a8 = vector.load %q[%i8, %d] : !head, !lanes
      %i9 = affine.apply affine_map<(i) -> (i + 9)>(%i)
      %a9 = vector.load %q[%i9, %d] : !head, !lanes
      %i10 = affine.apply affine_map<(i) -> (i + 10)>(%i)
      %a10 = vector.load %q[%i10, %d] : !head, !lanes
      %i11 = affine.apply affine_map<(i) -> (i + 11)>(%i)
      %a11 = vector.load %q[%i11, %d] : !head, !lanes
      %i12 = affine.apply affine_map<(i) -> (i + 12)>(%i)
      %a12 = vector.load %q[%i12, %d] : !head, !lanes
      %i13 = affine.apply affine_map<(i) -> (i + 13)>(%i)
      %a13 = vector.load %q[%i13, %d] : !head, !lanes
      %i14 = affine.apply affine_map<(i) -> (i + 14)>(%i)
      %a14 = vector.load %q[%i14, %d] : !head, !lanes
      %i15 = affine.apply affine_map<(i) -> (i + 15)>(%i)
      %a15 = vector.load %q[%i15, %d] : !head, !lanes
      %t:16 = func.call @transpose(%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10, %a11, %a12, %a13, %a14, %a15)
        : (!lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes,
           !lanes, !lanes, !lanes)
        -> (!lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes,
            !lanes, !lanes, !lanes)
      %x0 = arith.mulf %t#0, %factors : !lanes
      vector.store %x0, %qt[%d, %i] : !tile, !lanes
      %d1 = affine.apply affine_map<(d) -> (d + 1)>(%d)
      %x1 = arith.mulf %t#1, %factors : !lanes
      vector.store %x1, %qt[%d1, %i] : !tile, !lanes
      %d2 = affine.apply affine_map<(d) -> (d + 2)>(%d)
      %x2 = arith.mulf %t#2, %factors : !lanes
      vector.store %x2, %qt[%d2, %i] : !tile, !lanes
      %d3 = affine.apply affine_map<(d) -> (d + 3)>(%d)
      %x3 = arith.mulf %t#3, %factors : !lanes
      vector.store %x3, %qt[%d3, %i] : !tile, !lanes
      %d4 = affine.apply affine_map<(d) -> (d + 4)>(%d)
      %x4 = arith.mulf %t#4, %factors : !lanes
      vector.store %x4, %qt[%d4, %i] : !tile, !lanes
      %d5 = affine.apply affine_map<(d) -> (d + 5)>(%d)
      %x5 = arith.mulf %t#5, %factors : !lanes
      vector.store %x5, %qt[%d5, %i] : !tile, !lanes
      %d6 = affine.apply affine_map<(d) -> (d + 6)>(%d)
      %x6 = arith.mulf %t#6, %factors : !lanes
      vector.store %x6, %qt[%d6, %i] : !tile, !lanes
      %d7 = affine.apply affine_map<(d) -> (d + 7)>(%d)
      %x7 = arith.mulf %t#7, %factors : !lanes
      vector.store %x7, %qt[%d7, %i] : !tile, !lanes
      %d8 = affine.apply affine_map<(d) -> (d + 8)>(%d)
      %x8 = arith.mulf %t#8, %factors : !lanes
      vector.store %x8, %qt[%d8, %i] : !tile, !lanes
      %d9 = affine.apply affine_map<(d) -> (d + 9)>(%d)
      %x9 = arith.mulf %t#9, %factors : !lanes
      vector.store %x9, %qt[%d9, %i] : !tile, !lanes
      %d10 = affine.apply affine_map<(d) -> (d + 10)>(%d)
      %x10 = arith.mulf %t#10, %factors : !lanes
      vector.store %x10, %qt[%d10, %i] : !tile, !lanes
      %d11 = affine.apply affine_map<(d) -> (d + 11)>(%d)
      %x11 = arith.mulf %t#11, %factors : !lanes
      vector.store %x11, %qt[%d11, %i] : !tile, !lanes
      %d12 = affine.apply affine_map<(d) -> (d + 12)>(%d)
      %x12 = arith.mulf %t#12, %factors : !lanes
      vector.store %x12, %qt[%d12, %i] : !tile, !lanes
      %d13 = affine.apply affine_map<(d) -> (d + 13)>(%d)
      %x13 = arith.mulf %t#13, %factors : !lanes
      vector.store %x13, %qt[%d13, %i] : !tile, !lanes
      %d14 = affine.apply affine_map<(d) -> (d + 14)>(%d)
      %x14 = arith.mulf %t#14, %factors : !lanes
      vector.store %x14, %qt[%d14, %i] : !tile, !lanes
      %d15 = affine.apply affine_map<(d) -> (d + 15)>(%d)
      %x15 = arith.mulf %t#15, %factors : !lanes
      vector.store %x15, %qt[%d15, %i] : !tile, !lanes
    }
  }
  scf.for %i = %wholeEnd to %rows step %c1 {
    scf.for %d = %c0 to %c64 step %c1 {
      %a = memref.load %q[%i, %d] : !head
      %x = arith.mulf %a, %factor : f32
      memref.store %x, %qt[%d, %i] : !tile
    }
  }
  return
}

// 2. Visit the keys.

/// Scores of the keys j to j + 3.
func.func private @fourScores(%qt: !tile, %k: !head, %j: index) -> (!rows, !rows, !rows, !rows)
    attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !rows
  %j1 = arith.addi %j, %c1 : index
  %j2 = arith.addi %j, %c2 : index
  %j3 = arith.addi %j, %c3 : index
  %s:4 = scf.for %d = %c0 to %c64 step %c1
      iter_args(%s0 = %zero, %s1 = %zero, %s2 = %zero, %s3 = %zero) -> (!rows, !rows, !rows, !rows) {
    %q = vector.load %qt[%d, %c0] : !tile, !rows
    %k0 = memref.load %k[%j, %d] : !head
    %t0 = func.call @fma(%k0, %q, %s0) : (f32, !rows, !rows) -> !rows
    %k1 = memref.load %k[%j1, %d] : !head
    %t1 = func.call @fma(%k1, %q, %s1) : (f32, !rows, !rows) -> !rows
    %k2 = memref.load %k[%j2, %d] : !head
    %t2 = func.call @fma(%k2, %q, %s2) : (f32, !rows, !rows) -> !rows
    %k3 = memref.load %k[%j3, %d] : !head
    %t3 = func.call @fma(%k3, %q, %s3) : (f32, !rows, !rows) -> !rows
    scf.yield %t0, %t1, %t2, %t3 : !rows, !rows, !rows, !rows
  }
  return %s#0, %s#1, %s#2, %s#3 : !rows, !rows, !rows, !rows
}

/// Scores of key j.
func.func private @oneScore(%qt: !tile, %k: !head, %j: index) -> !rows attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !rows
  %s = scf.for %d = %c0 to %c64 step %c1 iter_args(%s0 = %zero) -> (!rows) {
    %q = vector.load %qt[%d, %c0] : !tile, !rows
    %x = memref.load %k[%j, %d] : !head
    %t = func.call @fma(%x, %q, %s0) : (f32, !rows, !rows) -> !rows
    scf.yield %t : !rows
  }
  return %s : !rows
}

/// Scores of 64 keys from j0, which all rows see. Returns the maximum of m and the scores.
func.func private @wholeScores(%qt: !tile, %k: !head, %j0: index, %s: !tile, %m: !rows) -> !rows
    attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  %largest = scf.for %j = %c0 to %c64 step %c4 iter_args(%m0 = %m) -> (!rows) {
    %key = arith.addi %j0, %j : index
    %x:4 = func.call @fourScores(%qt, %k, %key) : (!tile, !head, index) -> (!rows, !rows, !rows, !rows)
    %j1 = arith.addi %j, %c1 : index
    %j2 = arith.addi %j, %c2 : index
    %j3 = arith.addi %j, %c3 : index
    vector.store %x#0, %s[%j, %c0] : !tile, !rows
    vector.store %x#1, %s[%j1, %c0] : !tile, !rows
    vector.store %x#2, %s[%j2, %c0] : !tile, !rows
    vector.store %x#3, %s[%j3, %c0] : !tile, !rows
    %m1 = func.call @max(%x#0, %m0) : (!rows, !rows) -> !rows
    %m2 = func.call @max(%x#1, %m1) : (!rows, !rows) -> !rows
    %m3 = func.call @max(%x#2, %m2) : (!rows, !rows) -> !rows
    %m4 = func.call @max(%x#3, %m3) : (!rows, !rows) -> !rows
    scf.yield %m4 : !rows
  }
  return %largest : !rows
}

/// Scores of `keys` keys from j0, at most 64, of which row i sees those up to diagonal + i.
func.func private @partialScores(%qt: !tile, %k: !head, %j0: index, %keys: index, %diagonal: index, %s: !tile,
                                 %m: !rows) -> !rows attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %ones = arith.remui %keys, %c4 : index
  %fours = arith.subi %keys, %ones : index
  %ofFours = scf.for %j = %c0 to %fours step %c4 iter_args(%m0 = %m) -> (!rows) {
    %key = arith.addi %j0, %j : index
    %x:4 = func.call @fourScores(%qt, %k, %key) : (!tile, !head, index) -> (!rows, !rows, !rows, !rows)
    %key1 = arith.addi %key, %c1 : index
    %key2 = arith.addi %key, %c2 : index
    %key3 = arith.addi %key, %c3 : index
    %y0 = func.call @mask(%x#0, %key, %diagonal) : (!rows, index, index) -> !rows
    %y1 = func.call @mask(%x#1, %key1, %diagonal) : (!rows, index, index) -> !rows
    %y2 = func.call @mask(%x#2, %key2, %diagonal) : (!rows, index, index) -> !rows
    %y3 = func.call @mask(%x#3, %key3, %diagonal) : (!rows, index, index) -> !rows
    %j1 = arith.addi %j, %c1 : index
    %j2 = arith.addi %j, %c2 : index
    %j3 = arith.addi %j, %c3 : index
    vector.store %y0, %s[%j, %c0] : !tile, !rows
    vector.store %y1, %s[%j1, %c0] : !tile, !rows
    vector.store %y2, %s[%j2, %c0] : !tile, !rows
    vector.store %y3, %s[%j3, %c0] : !tile, !rows
    %m1 = func.call @max(%y0, %m0) : (!rows, !rows) -> !rows
    %m2 = func.call @max(%y1, %m1) : (!rows, !rows) -> !rows
    %m3 = func.call @max(%y2, %m2) : (!rows, !rows) -> !rows
    %m4 = func.call @max(%y3, %m3) : (!rows, !rows) -> !rows
    scf.yield %m4 : !rows
  }
  %largest = scf.for %j = %fours to %keys step %c1 iter_args(%m0 = %ofFours) -> (!rows) {
    %key = arith.addi %j0, %j : index
    %x = func.call @oneScore(%qt, %k, %key) : (!tile, !head, index) -> !rows
    %y = func.call @mask(%x, %key, %diagonal) : (!rows, index, index) -> !rows
    vector.store %y, %s[%j, %c0] : !tile, !rows
    %m1 = func.call @max(%y, %m0) : (!rows, !rows) -> !rows
    scf.yield %m1 : !rows
  }
  return %largest : !rows
}

/// Asks for a row of K, 4 cache lines, before it is needed: rows of one head lie far apart. To ask for a row that there
/// is not does no harm.
func.func private @prefetch(%k: !head, %row: index) attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c48 = arith.constant 48 : index
  memref.prefetch %k[%row, %c0], read, locality<3>, data : !head
  memref.prefetch %k[%row, %c16], read, locality<3>, data : !head
  memref.prefetch %k[%row, %c32], read, locality<3>, data : !head
  memref.prefetch %k[%row, %c48], read, locality<3>, data : !head
  return
}

/// s := 2^(s - m), and the sum of these weights is added to l. Meanwhile the next tile of K comes.
func.func private @softmax(%s: !tile, %k: !head, %j0: index, %keys: index, %m: !rows, %l: !rows) -> !rows
    attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %next0 = arith.addi %j0, %c64 : index
  %sum = scf.for %j = %c0 to %keys step %c1 iter_args(%l0 = %l) -> (!rows) {
    %next = arith.addi %next0, %j : index
    func.call @prefetch(%k, %next) : (!head, index) -> ()
    %x = vector.load %s[%j, %c0] : !tile, !rows
    %p = func.call @weight(%x, %m) : (!rows, !rows) -> !rows
    vector.store %p, %s[%j, %c0] : !tile, !rows
    %l1 = arith.addf %l0, %p : !rows
    scf.yield %l1 : !rows
  }
  return %sum : !rows
}

/// acc := alpha acc + sum over keys of v s, four columns of V at a time: to rescale costs no pass over acc of its own.
func.func private @values(%s: !tile, %keys: index, %v: !head, %j0: index, %acc: !tile, %alpha: !rows)
    attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  scf.for %e = %c0 to %c64 step %c4 {
    %e1 = arith.addi %e, %c1 : index
    %e2 = arith.addi %e, %c2 : index
    %e3 = arith.addi %e, %c3 : index
    %old0 = vector.load %acc[%e, %c0] : !tile, !rows
    %old1 = vector.load %acc[%e1, %c0] : !tile, !rows
    %old2 = vector.load %acc[%e2, %c0] : !tile, !rows
    %old3 = vector.load %acc[%e3, %c0] : !tile, !rows
    %init0 = arith.mulf %old0, %alpha : !rows
    %init1 = arith.mulf %old1, %alpha : !rows
    %init2 = arith.mulf %old2, %alpha : !rows
    %init3 = arith.mulf %old3, %alpha : !rows
    %a:4 = scf.for %j = %c0 to %keys step %c1
        iter_args(%a0 = %init0, %a1 = %init1, %a2 = %init2, %a3 = %init3) -> (!rows, !rows, !rows, !rows) {
      %key = arith.addi %j0, %j : index
      %p = vector.load %s[%j, %c0] : !tile, !rows
      %v0 = memref.load %v[%key, %e] : !head
      %t0 = func.call @fma(%v0, %p, %a0) : (f32, !rows, !rows) -> !rows
      %v1 = memref.load %v[%key, %e1] : !head
      %t1 = func.call @fma(%v1, %p, %a1) : (f32, !rows, !rows) -> !rows
      %v2 = memref.load %v[%key, %e2] : !head
      %t2 = func.call @fma(%v2, %p, %a2) : (f32, !rows, !rows) -> !rows
      %v3 = memref.load %v[%key, %e3] : !head
      %t3 = func.call @fma(%v3, %p, %a3) : (f32, !rows, !rows) -> !rows
      scf.yield %t0, %t1, %t2, %t3 : !rows, !rows, !rows, !rows
    }
    vector.store %a#0, %acc[%e, %c0] : !tile, !rows
    vector.store %a#1, %acc[%e1, %c0] : !tile, !rows
    vector.store %a#2, %acc[%e2, %c0] : !tile, !rows
    vector.store %a#3, %acc[%e3, %c0] : !tile, !rows
  }
  return
}

/// A tile whose scores have been written and have raised the maximum from m to `new`. Returns the new l.
func.func private @finishTile(%s: !tile, %keys: index, %k: !head, %v: !head, %j0: index, %acc: !tile, %m: !rows,
                              %new: !rows, %l: !rows) -> !rows attributes {passthrough = ["alwaysinline"]} {
  %alpha = func.call @weight(%m, %new) : (!rows, !rows) -> !rows
  %scaled = arith.mulf %l, %alpha : !rows
  %sum = func.call @softmax(%s, %k, %j0, %keys, %new, %scaled)
    : (!tile, !head, index, index, !rows, !rows) -> !rows
  func.call @values(%s, %keys, %v, %j0, %acc, %alpha) : (!tile, index, !head, index, !tile, !rows) -> ()
  return %sum : !rows
}

// 3. If acc is not finite: all of it again, key by key, adding nothing where a row does not keep a key.

func.func private @isFinite(%acc: !tile) -> i1 attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !rows
  %sum = scf.for %e = %c0 to %c64 step %c1 iter_args(%sum0 = %zero) -> (!rows) {
    %x = vector.load %acc[%e, %c0] : !tile, !rows
    %nothing = arith.mulf %x, %zero : !rows // 0, or NaN for NaN and infinities
    %sum1 = arith.addf %sum0, %nothing : !rows
    scf.yield %sum1 : !rows
  }
  %isNumber = arith.cmpf ord, %sum, %sum : !rows
  %all = vector.reduction <and>, %isNumber : vector<64xi1> into i1
  return %all : i1
}

func.func private @redo(%qt: !tile, %k: !head, %v: !head, %end: index, %diagonal: index, %acc: !tile) -> !rows
    attributes {passthrough = ["noinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !rows
  %minusInf = arith.constant dense<0xFF800000> : !rows
  scf.for %e = %c0 to %c64 step %c1 {
    vector.store %zero, %acc[%e, %c0] : !tile, !rows
  }
  %m:2 = scf.for %j = %c0 to %end step %c1 iter_args(%m0 = %minusInf, %l0 = %zero) -> (!rows, !rows) {
    %x = func.call @oneScore(%qt, %k, %j) : (!tile, !head, index) -> !rows
    %s = func.call @mask(%x, %j, %diagonal) : (!rows, index, index) -> !rows
    %isKept = arith.cmpf une, %s, %minusInf : !rows
    %m1 = func.call @max(%s, %m0) : (!rows, !rows) -> !rows
    %alpha = func.call @weight(%m0, %m1) : (!rows, !rows) -> !rows
    %p = func.call @weight(%s, %m1) : (!rows, !rows) -> !rows
    %scaled = arith.mulf %l0, %alpha : !rows
    %added = arith.addf %scaled, %p : !rows
    %l1 = arith.select %isKept, %added, %scaled : vector<64xi1>, !rows
    scf.for %e = %c0 to %c64 step %c1 {
      %old = vector.load %acc[%e, %c0] : !tile, !rows
      %oldScaled = arith.mulf %old, %alpha : !rows
      %y = memref.load %v[%j, %e] : !head
      %new = func.call @fma(%y, %p, %oldScaled) : (f32, !rows, !rows) -> !rows
      %z = arith.select %isKept, %new, %oldScaled : vector<64xi1>, !rows
      vector.store %z, %acc[%e, %c0] : !tile, !rows
    }
    scf.yield %m1, %l1 : !rows, !rows
  }
  return %m#1 : !rows
}

// 4. Finish: out = acc / l, transposed back, for the rows that there are; 0 where no key was kept.

func.func private @finish(%acc: !tile, %l: !rows, %out: !head, %rows: index)
    attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant dense<0.0> : !rows
  %one = arith.constant dense<1.0> : !rows
  %reciprocal = arith.divf %one, %l : !rows
  %isEmpty = arith.cmpf oeq, %l, %zero : !rows
  %inverse = arith.select %isEmpty, %zero, %reciprocal : vector<64xi1>, !rows
  scf.for %e = %c0 to %c64 step %c1 {
    %x = vector.load %acc[%e, %c0] : !tile, !rows
    %y = arith.mulf %x, %inverse : !rows
    vector.store %y, %acc[%e, %c0] : !tile, !rows
  }
  %wholeEnd = affine.apply affine_map<()[rows] -> ((rows floordiv 16) * 16)>()[%rows]
  scf.for %i = %c0 to %wholeEnd step %c16 {
    scf.for %e = %c0 to %c64 step %c16 {
      %a0 = vector.load %acc[%e, %i] : !tile, !lanes
      %e1 = affine.apply affine_map<(e) -> (e + 1)>(%e)
      %a1 = vector.load %acc[%e1, %i] : !tile, !lanes
      %e2 = affine.apply affine_map<(e) -> (e + 2)>(%e)
      %a2 = vector.load %acc[%e2, %i] : !tile, !lanes
      %e3 = affine.apply affine_map<(e) -> (e + 3)>(%e)
      %a3 = vector.load %acc[%e3, %i] : !tile, !lanes
      %e4 = affine.apply affine_map<(e) -> (e + 4)>(%e)
      %a4 = vector.load %acc[%e4, %i] : !tile, !lanes
      %e5 = affine.apply affine_map<(e) -> (e + 5)>(%e)
      %a5 = vector.load %acc[%e5, %i] : !tile, !lanes
      %e6 = affine.apply affine_map<(e) -> (e + 6)>(%e)
      %a6 = vector.load %acc[%e6, %i] : !tile, !lanes
      %e7 = affine.apply affine_map<(e) -> (e + 7)>(%e)
      %a7 = vector.load %acc[%e7, %i] : !tile, !lanes
      %e8 = affine.apply affine_map<(e) -> (e + 8)>(%e)
      %a8 = vector.load %acc[%e8, %i] : !tile, !lanes
      %e9 = affine.apply affine_map<(e) -> (e + 9)>(%e)
      %a9 = vector.load %acc[%e9, %i] : !tile, !lanes
      %e10 = affine.apply affine_map<(e) -> (e + 10)>(%e)
      %a10 = vector.load %acc[%e10, %i] : !tile, !lanes
      %e11 = affine.apply affine_map<(e) -> (e + 11)>(%e)
      %a11 = vector.load %acc[%e11, %i] : !tile, !lanes
      %e12 = affine.apply affine_map<(e) -> (e + 12)>(%e)
      %a12 = vector.load %acc[%e12, %i] : !tile, !lanes
      %e13 = affine.apply affine_map<(e) -> (e + 13)>(%e)
      %a13 = vector.load %acc[%e13, %i] : !tile, !lanes
      %e14 = affine.apply affine_map<(e) -> (e + 14)>(%e)
      %a14 = vector.load %acc[%e14, %i] : !tile, !lanes
      %e15 = affine.apply affine_map<(e) -> (e + 15)>(%e)
      %a15 = vector.load %acc[%e15, %i] : !tile, !lanes
      %t:16 = func.call @transpose(%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10, %a11, %a12, %a13, %a14, %a15)
        : (!lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes,
           !lanes, !lanes, !lanes)
        -> (!lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes, !lanes,
            !lanes, !lanes, !lanes)
      vector.store %t#0, %out[%i, %e] : !head, !lanes
      %i1 = affine.apply affine_map<(i) -> (i + 1)>(%i)
      vector.store %t#1, %out[%i1, %e] : !head, !lanes
      %i2 = affine.apply affine_map<(i) -> (i + 2)>(%i)
      vector.store %t#2, %out[%i2, %e] : !head, !lanes
      %i3 = affine.apply affine_map<(i) -> (i + 3)>(%i)
      vector.store %t#3, %out[%i3, %e] : !head, !lanes
      %i4 = affine.apply affine_map<(i) -> (i + 4)>(%i)
      vector.store %t#4, %out[%i4, %e] : !head, !lanes
      %i5 = affine.apply affine_map<(i) -> (i + 5)>(%i)
      vector.store %t#5, %out[%i5, %e] : !head, !lanes
      %i6 = affine.apply affine_map<(i) -> (i + 6)>(%i)
      vector.store %t#6, %out[%i6, %e] : !head, !lanes
      %i7 = affine.apply affine_map<(i) -> (i + 7)>(%i)
      vector.store %t#7, %out[%i7, %e] : !head, !lanes
      %i8 = affine.apply affine_map<(i) -> (i + 8)>(%i)
      vector.store %t#8, %out[%i8, %e] : !head, !lanes
      %i9 = affine.apply affine_map<(i) -> (i + 9)>(%i)
      vector.store %t#9, %out[%i9, %e] : !head, !lanes
      %i10 = affine.apply affine_map<(i) -> (i + 10)>(%i)
      vector.store %t#10, %out[%i10, %e] : !head, !lanes
      %i11 = affine.apply affine_map<(i) -> (i + 11)>(%i)
      vector.store %t#11, %out[%i11, %e] : !head, !lanes
      %i12 = affine.apply affine_map<(i) -> (i + 12)>(%i)
      vector.store %t#12, %out[%i12, %e] : !head, !lanes
      %i13 = affine.apply affine_map<(i) -> (i + 13)>(%i)
      vector.store %t#13, %out[%i13, %e] : !head, !lanes
      %i14 = affine.apply affine_map<(i) -> (i + 14)>(%i)
      vector.store %t#14, %out[%i14, %e] : !head, !lanes
      %i15 = affine.apply affine_map<(i) -> (i + 15)>(%i)
      vector.store %t#15, %out[%i15, %e] : !head, !lanes
    }
  }
  scf.for %i = %wholeEnd to %rows step %c1 {
    scf.for %e = %c0 to %c64 step %c1 {
      %x = memref.load %acc[%e, %i] : !tile
      memref.store %x, %out[%i, %e] : !head
    }
  }
  return
}

/// The task: `rows` rows from i0, of head h of batch b. All of them see the keys before `wholeEnd`, none sees those
/// from `end`, and row i sees those up to diagonal + i.
func.func private @run(%qView: !view, %kView: !view, %vView: !view, %outView: !view, %scratch: memref<?xi8>,
                       %b: index, %h: index, %i0: index, %rows: index, %wholeEnd: index, %end: index,
                       %diagonal: index) attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %c16384 = arith.constant 16384 : index
  %c32768 = arith.constant 32768 : index
  %zero = arith.constant dense<0.0> : !rows
  %minusInf = arith.constant dense<0xFF800000> : !rows
  %m = memref.dim %kView, %c1 : !view
  %q = memref.subview %qView[%b, %i0, %h, 0] [1, %rows, 1, 64] [1, 1, 1, 1] : !view to !head
  %k = memref.subview %kView[%b, 0, %h, 0] [1, %m, 1, 64] [1, 1, 1, 1] : !view to !head
  %v = memref.subview %vView[%b, 0, %h, 0] [1, %m, 1, 64] [1, 1, 1, 1] : !view to !head
  %out = memref.subview %outView[%b, %i0, %h, 0] [1, %rows, 1, 64] [1, 1, 1, 1] : !view to !head
  %qt = memref.view %scratch[%c0][] : memref<?xi8> to !tile
  %acc = memref.view %scratch[%c16384][] : memref<?xi8> to !tile
  %s = memref.view %scratch[%c32768][] : memref<?xi8> to !tile

  func.call @pack(%q, %rows, %qt) : (!head, index, !tile) -> ()
  scf.for %e = %c0 to %c64 step %c1 {
    vector.store %zero, %acc[%e, %c0] : !tile, !rows
  }
  %whole:2 = scf.for %j0 = %c0 to %wholeEnd step %c64 iter_args(%m0 = %minusInf, %l0 = %zero) -> (!rows, !rows) {
    %m1 = func.call @wholeScores(%qt, %k, %j0, %s, %m0) : (!tile, !head, index, !tile, !rows) -> !rows
    %l1 = func.call @finishTile(%s, %c64, %k, %v, %j0, %acc, %m0, %m1, %l0)
      : (!tile, index, !head, !head, index, !tile, !rows, !rows, !rows) -> !rows
    scf.yield %m1, %l1 : !rows, !rows
  }
  %all:2 = scf.for %j0 = %wholeEnd to %end step %c64 iter_args(%m0 = %whole#0, %l0 = %whole#1) -> (!rows, !rows) {
    %keys = affine.min affine_map<()[end, j] -> (end - j, 64)>()[%end, %j0]
    %m1 = func.call @partialScores(%qt, %k, %j0, %keys, %diagonal, %s, %m0)
      : (!tile, !head, index, index, index, !tile, !rows) -> !rows
    %l1 = func.call @finishTile(%s, %keys, %k, %v, %j0, %acc, %m0, %m1, %l0)
      : (!tile, index, !head, !head, index, !tile, !rows, !rows, !rows) -> !rows
    scf.yield %m1, %l1 : !rows, !rows
  }
  %isFinite = func.call @isFinite(%acc) : (!tile) -> i1
  %l = scf.if %isFinite -> (!rows) {
    scf.yield %all#1 : !rows
  } else {
    %again = func.call @redo(%qt, %k, %v, %end, %diagonal, %acc) : (!tile, !head, !head, index, index, !tile) -> !rows
    scf.yield %again : !rows
  }
  func.call @finish(%acc, %l, %out, %rows) : (!tile, !rows, !head, index) -> ()
  return
}

/// Batch, head, first row and number of rows of a task. Row tiles count fastest, and backwards: where a mask grows with
/// the row, the longest tasks of a head come first.
func.func private @locate(%q: !view, %task: index) -> (index, index, index, index)
    attributes {passthrough = ["alwaysinline"]} {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %n = memref.dim %q, %c1 : !view
  %heads = memref.dim %q, %c2 : !view
  %tiles = affine.apply affine_map<()[n] -> (n ceildiv 64)>()[%n]
  %fromLast = arith.remui %task, %tiles : index
  %rest = arith.divui %task, %tiles : index
  %last = arith.subi %tiles, %c1 : index
  %tile = arith.subi %last, %fromLast : index
  %h = arith.remui %rest, %heads : index
  %b = arith.divui %rest, %heads : index
  %i0 = affine.apply affine_map<()[tile] -> (tile * 64)>()[%tile]
  %rows = affine.min affine_map<()[n, tile] -> (n - tile * 64, 64)>()[%n, %tile]
  return %b, %h, %i0, %rows : index, index, index, index
}

func.func private @count(%q: !view) -> index attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %batches = memref.dim %q, %c0 : !view
  %n = memref.dim %q, %c1 : !view
  %heads = memref.dim %q, %c2 : !view
  %tiles = affine.apply affine_map<()[n] -> (n ceildiv 64)>()[%n]
  %all = arith.muli %batches, %heads : index
  %tasks = arith.muli %all, %tiles : index
  return %tasks : index
}

/// The status so far, or ATTN_ERROR_SHAPE where two views disagree in a dimension.
func.func private @agree(%status: i32, %x: !view, %y: !view, %dimension: index) -> i32
    attributes {passthrough = ["alwaysinline"]} {
  %error = arith.constant 4 : i32
  %a = memref.dim %x, %dimension : !view
  %b = memref.dim %y, %dimension : !view
  %isEqual = arith.cmpi eq, %a, %b : index
  %new = arith.select %isEqual, %status, %error : i32
  return %new : i32
}

func.func private @check(%q: !view, %k: !view, %v: !view, %out: !view) -> i32
    attributes {passthrough = ["alwaysinline"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %ok = arith.constant 0 : i32
  %s0 = func.call @agree(%ok, %q, %k, %c0) : (i32, !view, !view, index) -> i32
  %s1 = func.call @agree(%s0, %q, %k, %c2) : (i32, !view, !view, index) -> i32
  %s2 = func.call @agree(%s1, %q, %v, %c0) : (i32, !view, !view, index) -> i32
  %s3 = func.call @agree(%s2, %q, %v, %c2) : (i32, !view, !view, index) -> i32
  %s4 = func.call @agree(%s3, %k, %v, %c1) : (i32, !view, !view, index) -> i32
  %s5 = func.call @agree(%s4, %q, %out, %c0) : (i32, !view, !view, index) -> i32
  %s6 = func.call @agree(%s5, %q, %out, %c1) : (i32, !view, !view, index) -> i32
  %s7 = func.call @agree(%s6, %q, %out, %c2) : (i32, !view, !view, index) -> i32
  return %s7 : i32
}

func.func private @dense_task(%q: !view, %k: !view, %v: !view, %out: !view, %task: index, %scratch: memref<?xi8>)
    attributes {attn.kernel = {name = "dense", arguments = #arguments, workspace = 49152},
                passthrough = ["no-builtins"]} {
  %at:4 = func.call @locate(%q, %task) : (!view, index) -> (index, index, index, index)
  // No diagonal: it lies behind the last key.
  %c1 = arith.constant 1 : index
  %end = memref.dim %k, %c1 : !view
  %wholeEnd = affine.apply affine_map<()[m] -> ((m floordiv 64) * 64)>()[%end]
  %diagonal = arith.addi %end, %c1 : index
  func.call @run(%q, %k, %v, %out, %scratch, %at#0, %at#1, %at#2, %at#3, %wholeEnd, %end, %diagonal)
    : (!view, !view, !view, !view, memref<?xi8>, index, index, index, index, index, index, index) -> ()
  return
}

func.func private @dense_tasks(%q: !view, %k: !view, %v: !view, %out: !view) -> index {
  %tasks = func.call @count(%q) : (!view) -> index
  return %tasks : index
}

func.func private @dense_check(%q: !view, %k: !view, %v: !view, %out: !view) -> i32 {
  %status = func.call @check(%q, %k, %v, %out) : (!view, !view, !view, !view) -> i32
  return %status : i32
}

func.func private @causal_task(%q: !view, %k: !view, %v: !view, %out: !view, %task: index, %scratch: memref<?xi8>)
    attributes {attn.kernel = {name = "causal", arguments = #arguments, workspace = 49152},
                passthrough = ["no-builtins"]} {
  %at:4 = func.call @locate(%q, %task) : (!view, index) -> (index, index, index, index)
  // Row i of the tile keeps the keys up to i0 + i + (M - N).
  %c1 = arith.constant 1 : index
  %n = memref.dim %q, %c1 : !view
  %m = memref.dim %k, %c1 : !view
  %ahead = arith.subi %m, %n : index
  %diagonal = arith.addi %at#2, %ahead : index
  %visited = affine.min affine_map<()[m, diagonal, rows] -> (m, diagonal + rows)>()[%m, %diagonal, %at#3]
  %end = affine.max affine_map<()[x] -> (x, 0)>()[%visited]
  %kept = affine.min affine_map<()[m, diagonal] -> (m, diagonal + 1)>()[%m, %diagonal]
  %keptEnd = affine.max affine_map<()[x] -> (x, 0)>()[%kept]
  %wholeEnd = affine.apply affine_map<()[x] -> ((x floordiv 64) * 64)>()[%keptEnd]
  func.call @run(%q, %k, %v, %out, %scratch, %at#0, %at#1, %at#2, %at#3, %wholeEnd, %end, %diagonal)
    : (!view, !view, !view, !view, memref<?xi8>, index, index, index, index, index, index, index) -> ()
  return
}

func.func private @causal_tasks(%q: !view, %k: !view, %v: !view, %out: !view) -> index {
  %tasks = func.call @count(%q) : (!view) -> index
  return %tasks : index
}

func.func private @causal_check(%q: !view, %k: !view, %v: !view, %out: !view) -> i32 {
  %status = func.call @check(%q, %k, %v, %out) : (!view, !view, !view, !view) -> i32
  return %status : i32
}
