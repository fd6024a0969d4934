// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The way down, fourth rung: after stage `linalg` nothing knows what attention is.
//
// Takes tile.mlir. Leaves linalg ops on tiles, each with a role (`attn.role`), in the same loops, and views as
// arguments:
//
//   - attn.online becomes six steps: scores S = K Q (role qk); the mask, where there is one, with the maximum of the
//     tile for each row; the state: the new maximum m, the factor alpha = 2^(old m - m) and the
//     sum times alpha (role softmax); weights P = 2^(S - m) in the place of S, added to the sum (role softmax);
//     acc := alpha acc (role rescale); acc += V P (role pv). Scores lie as acc does, rows last: [keys, rows].
//   - m = -inf would make -inf - -inf, a NaN, of rows that have seen no key. Nothing is smaller than the lowest finite
//     float, so that is subtracted instead.
//   - A guarded step writes the weight -inf where a key is not kept, and the sum over V leaves that key out.
//   - Maxima are a comparison and a selection: one instruction (vmaxps), and NaN does not get lost.
//   - Each op updates its destination in place. Bufferisation finds that no tensor needs a copy, because every
//     tensor.empty here is filled once and handed from op to op; two fills of equal tensors must not be made one.
//   - Arguments are views with strides, the innermost 1. Inputs are read only, the output is written where it lies:
//     the loop's destination is the caller's memory. `attn.arguments` remembers what the arguments were.

// RUN: attn-opt %s -attn-verify-stage=stage=linalg -canonicalize | FileCheck %s --enable-var-scope
// RUN: attn-compile %S/tile.mlir --start-after=tile --stop-after=linalg | attn-opt -canonicalize \
// RUN:   | FileCheck %s --enable-var-scope

// DEFINE: %{sizes} = --shape=q=2x77x3x64 --shape=k=2x130x3x64 --shape=v=2x130x3x64
// DEFINE: %{blind} = --shape=q=1x70x2x64 --shape=k=1x5x2x64 --shape=v=1x5x2x64
// DEFINE: %{run} = attn-run %s --start-after=linalg --reference=%S/generic.mlir --compare
// RUN: %{run} --func=dense %{sizes} --strides=padded
// RUN: %{run} --func=causal %{sizes} --strides=padded --threads=2
// RUN: %{run} --func=causal %{blind} --strides=permuted
// RUN: %{run} --func=causal %{sizes} --fill=v=nan@:,129

// The checks of the sizes of the output are new on this rung.
// RUN: not attn-run %s --start-after=linalg --func=dense %{sizes} --shape=out=2x78x3x64 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REFUSED
// REFUSED: 'dense' refuses the call with status 4

!view = memref<?x?x?x64xf32, strided<[?, ?, ?, 1], offset: ?>>
!bnhd = tensor<?x?x?x64xf32>
!tile = tensor<64x64xf32> // Q [d, rows], acc [e, rows], whole tiles of K [keys, d], V [keys, e], scores [keys, rows]
!part = tensor<?x64xf32>  // rows of Q and of the result; K, V and scores of an incomplete tile
!row = tensor<64xf32>     // one number for each query row
#plan = #attn.plan<online, rows_minor, rows = 64, keys = 64, lanes = 16, register_tile = [4, 4]>
#arguments = [{kind = "input", name = "q", type = !bnhd}, {kind = "input", name = "k", type = !bnhd},
              {kind = "input", name = "v", type = !bnhd}, {kind = "output", name = "out", type = !bnhd}]

// Row tiles: how many, where one starts, how many rows it has.
#tiles = affine_map<()[n] -> (n ceildiv 64)>
#start = affine_map<()[tile] -> (tile * 64)>
#rowsLeft = affine_map<()[n, tile] -> (n - tile * 64, 64)>
// Key tiles: where the whole ones end, how many keys the next one has.
#whole = affine_map<()[m] -> ((m floordiv 64) * 64)>
#keysLeft = affine_map<()[end, j] -> (end - j, 64)>
// Causal, for rows from 64 tile: the first of them keeps the keys before `kept`, the last those before `visited`.
#visited = affine_map<()[m, ahead, rows, tile] -> (m, ahead + rows + tile * 64)>
#kept = affine_map<()[m, ahead, tile] -> (m, ahead + tile * 64 + 1)>
#notNegative = affine_map<()[x] -> (x, 0)>

// The steps. Loops are the dimensions of the first output, then reductions.
#pack = {
  indexing_maps = [affine_map<(d, i) -> (i, d)>, affine_map<(d, i) -> (d, i)>],
  iterator_types = ["parallel", "parallel"], attn.operand = 0, attn.role = "pack"
}
#scores = { // (K, Q, S)
  indexing_maps = [affine_map<(j, i, d) -> (j, d)>, affine_map<(j, i, d) -> (d, i)>, affine_map<(j, i, d) -> (j, i)>],
  iterator_types = ["parallel", "parallel", "reduction"], attn.role = "qk"
}
#maximum = { // (S, tile maximum)
  indexing_maps = [affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (i)>],
  iterator_types = ["reduction", "parallel"], attn.role = "softmax"
}
#state = { // (tile maximum, m, sum, alpha)
  indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
  iterator_types = ["parallel"], attn.role = "softmax"
}
#weights = { // (m, S and then P, sum)
  indexing_maps = [affine_map<(j, i) -> (i)>, affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (i)>],
  iterator_types = ["reduction", "parallel"], attn.role = "softmax"
}
#rescale = { // (alpha, acc)
  indexing_maps = [affine_map<(e, i) -> (i)>, affine_map<(e, i) -> (e, i)>],
  iterator_types = ["parallel", "parallel"], attn.role = "rescale"
}
#values = { // (V, P, acc)
  indexing_maps = [affine_map<(e, i, j) -> (j, e)>, affine_map<(e, i, j) -> (j, i)>, affine_map<(e, i, j) -> (e, i)>],
  iterator_types = ["parallel", "parallel", "reduction"], attn.role = "pv"
}
#checkLanes = {
  indexing_maps = [affine_map<(e, i) -> (e, i)>, affine_map<(e, i) -> (i)>],
  iterator_types = ["reduction", "parallel"], attn.role = "check"
}
#checkTile = {
  indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"], attn.role = "check"
}
#inverse = {
  indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
  iterator_types = ["parallel"], attn.role = "finalize"
}
#unpack = { // (acc, 1 / sum, out)
  indexing_maps = [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>],
  iterator_types = ["parallel", "parallel"], attn.role = "unpack"
}

// CHECK-LABEL: func.func @dense(
//  CHECK-SAME:   %[[QV:[^ ]+]]: memref<?x?x?x64xf32, strided<[?, ?, ?, 1], offset: ?>>, %[[KV:[^ ]+]]: memref
//  CHECK-SAME:   attn.arguments = [{{.*}}name = "q", {{.*}}kind = "output", name = "out",
//       CHECK:   %[[K:.+]] = bufferization.to_tensor %[[KV]] restrict :
//       CHECK:   %[[O:.+]] = bufferization.to_tensor %[[OV:.+]] restrict writable :
//       CHECK:   scf.forall (%[[B:.+]], %[[H:.+]], %[[IT:.+]]) in (%{{[^)]+}}) shared_outs(%[[OUT:[^ ]+]] = %[[O]])
//       CHECK:     linalg.generic {{.+}} {attn.operand = 0 : i64, attn.role = "pack"}
//       CHECK:     %[[QT:.+]] = tensor.insert_slice
//       CHECK:     scf.for %{{.+}} iter_args(%[[ACC:[^ ]+]] = %{{[^ ]+}}, %[[MAX:[^ ]+]] = %{{[^ ]+}}, %[[SUM:[^ ]+]] =
//       CHECK:       %[[KT:.+]] = tensor.extract_slice %[[K]]
//       CHECK:       %[[S:.+]] = linalg.generic {{.+}} ins(%[[KT]], %[[QT]] : {{.+}} {attn.role = "qk"}
//       CHECK:         arith.addf {{.+}} fastmath<contract>
//       CHECK:       %[[TILE_MAX:.+]] = linalg.generic {{.+}} ins(%[[S]] : {{.+}} {attn.role = "softmax"}
//       CHECK:       %[[M:.+]]:3 = linalg.generic {{.+}} ins(%[[TILE_MAX]] : {{.+}} outs(%[[MAX]], %[[SUM]],
//       CHECK:         math.exp2 {{.+}} {attn.non_positive}
//       CHECK:       %[[P:.+]]:2 = linalg.generic {{.+}} ins(%[[M]]#0 : {{.+}} outs(%[[S]], %[[M]]#1 :
//       CHECK:         math.exp2 {{.+}} {attn.non_positive}
//       CHECK:       %[[A:.+]] = linalg.generic {{.+}} ins(%[[M]]#2 : {{.+}} outs(%[[ACC]] :
//  CHECK-SAME:         {attn.role = "rescale"}
//       CHECK:       %[[A1:.+]] = linalg.generic {{.+}} ins(%{{.+}}, %[[P]]#0 : {{.+}} outs(%[[A]] :
//  CHECK-SAME:         {attn.role = "pv"}
//       CHECK:       scf.yield %[[A1]], %[[M]]#0, %[[P]]#1
//       CHECK:     scf.for
//   CHECK-NOT:       linalg.index
//       CHECK:       linalg.generic {{.+}} {attn.role = "pv"}
//       CHECK:     scf.if
//       CHECK:       linalg.fill {{.*}}attn.role = "redo"
//       CHECK:       scf.for
//       CHECK:         linalg.generic {{.+}} {attn.role = "pv"}
//       CHECK:           arith.cmpf oeq
//       CHECK:           arith.select
//       CHECK:     linalg.generic {{.+}} {attn.role = "finalize"}
//       CHECK:     %[[ROWS:.+]] = linalg.generic {{.+}} {attn.role = "unpack"}
//       CHECK:     tensor.parallel_insert_slice %[[ROWS]] into %[[OUT]][%[[B]], %{{.+}}, %[[H]], 0]
//       CHECK:   {attn.plan = #attn.plan<online, rows_minor, rows = 64, keys = 64, lanes = 16, register_tile = [4, 4]>}
//       CHECK:   bufferization.materialize_in_destination {{.+}} in restrict writable %[[OV]]
func.func @dense(%qView: !view, %kView: !view, %vView: !view, %outView: !view)
    attributes {attn.arguments = #arguments} {
  %q = bufferization.to_tensor %qView restrict : !view to !bnhd
  %k = bufferization.to_tensor %kView restrict : !view to !bnhd
  %v = bufferization.to_tensor %vView restrict : !view to !bnhd
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minusInf = arith.constant 0xFF800000 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %factor = arith.constant 0.18033688 : f32 // scale * log2(e) = 0.125 * 1.442695
  %batches = tensor.dim %q, %c0 : !bnhd
  %n = tensor.dim %q, %c1 : !bnhd
  %heads = tensor.dim %q, %c2 : !bnhd
  %m = tensor.dim %k, %c1 : !bnhd
  %kBatches = tensor.dim %k, %c0 : !bnhd
  %kHeads = tensor.dim %k, %c2 : !bnhd
  %vBatches = tensor.dim %v, %c0 : !bnhd
  %vRows = tensor.dim %v, %c1 : !bnhd
  %vHeads = tensor.dim %v, %c2 : !bnhd
  %sameKeyBatches = arith.cmpi eq, %batches, %kBatches : index
  cf.assert %sameKeyBatches, "'query' and 'key' agree on B"
  %sameValueBatches = arith.cmpi eq, %batches, %vBatches : index
  cf.assert %sameValueBatches, "'query' and 'value' agree on B"
  %sameKeyHeads = arith.cmpi eq, %heads, %kHeads : index
  cf.assert %sameKeyHeads, "'query' and 'key' agree on H"
  %sameValueHeads = arith.cmpi eq, %heads, %vHeads : index
  cf.assert %sameValueHeads, "'query' and 'value' agree on H"
  %sameRows = arith.cmpi eq, %m, %vRows : index
  cf.assert %sameRows, "'key' and 'value' agree on M"
  %outBatches = memref.dim %outView, %c0 : !view
  %sameBatches = arith.cmpi eq, %outBatches, %batches : index
  cf.assert %sameBatches, "'out' has the size of the result in dimension 0"
  %outRows = memref.dim %outView, %c1 : !view
  %sameOutRows = arith.cmpi eq, %outRows, %n : index
  cf.assert %sameOutRows, "'out' has the size of the result in dimension 1"
  %outHeads = memref.dim %outView, %c2 : !view
  %sameHeads = arith.cmpi eq, %outHeads, %heads : index
  cf.assert %sameHeads, "'out' has the size of the result in dimension 2"
  %init = bufferization.to_tensor %outView restrict writable : !view to !bnhd
  %rowTiles = affine.apply #tiles()[%n]
  %out = scf.forall (%b, %h, %it) in (%batches, %heads, %rowTiles) shared_outs(%o = %init) -> (!bnhd) {
    %i0 = affine.apply #start()[%it]
    %nq = affine.min #rowsLeft()[%n, %it]

    // 1. Pack.
    %qRows = tensor.extract_slice %q[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1] : !bnhd to !part
    %qEmpty = tensor.empty() : !tile
    %qZeros = linalg.fill {attn.operand = 0 : i64, attn.role = "pack"} ins(%zero : f32) outs(%qEmpty : !tile) -> !tile
    %lanes = tensor.extract_slice %qZeros[0, 0] [64, %nq] [1, 1] : !tile to tensor<64x?xf32>
    %packed = linalg.generic #pack ins(%qRows : !part) outs(%lanes : tensor<64x?xf32>) {
    ^bb0(%x: f32, %old: f32):
      %scaled = arith.mulf %x, %factor : f32
      linalg.yield %scaled : f32
    } -> tensor<64x?xf32>
    %qt = tensor.insert_slice %packed into %qZeros[0, 0] [64, %nq] [1, 1] : tensor<64x?xf32> into !tile

    // 2. Visit the keys: whole tiles, then what is left.
    %wholeEnd = affine.apply #whole()[%m]
    %accEmpty = tensor.empty() : !tile
    %acc0 = linalg.fill {attn.role = "init"} ins(%zero : f32) outs(%accEmpty : !tile) -> !tile
    %maxEmpty = tensor.empty() : !row
    %max0 = linalg.fill {attn.role = "init"} ins(%minusInf : f32) outs(%maxEmpty : !row) -> !row
    %sumEmpty = tensor.empty() : !row
    %sum0 = linalg.fill {attn.role = "init"} ins(%zero : f32) outs(%sumEmpty : !row) -> !row
    %full:3 = scf.for %j0 = %c0 to %wholeEnd step %c64
        iter_args(%acc = %acc0, %max = %max0, %sum = %sum0) -> (!tile, !row, !row) {
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1] : !bnhd to !tile
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1] : !bnhd to !tile
      %sEmpty = tensor.empty() : !tile
      %sZero = linalg.fill {attn.role = "qk"} ins(%zero : f32) outs(%sEmpty : !tile) -> !tile
      %s = linalg.generic #scores ins(%kt, %qt : !tile, !tile) outs(%sZero : !tile) {
      ^bb0(%x: f32, %y: f32, %old: f32):
        %xy = arith.mulf %x, %y fastmath<contract> : f32
        %new = arith.addf %old, %xy fastmath<contract> : f32
        linalg.yield %new : f32
      } -> !tile

      %tileMaxEmpty = tensor.empty() : !row
      %none = linalg.fill {attn.role = "softmax"} ins(%minusInf : f32) outs(%tileMaxEmpty : !row) -> !row
      %tileMax = linalg.generic #maximum ins(%s : !tile) outs(%none : !row) {
      ^bb0(%x: f32, %old: f32):
        %isLarger = arith.cmpf ogt, %x, %old : f32
        %new = arith.select %isLarger, %x, %old : f32
        linalg.yield %new : f32
      } -> !row

      %alphaEmpty = tensor.empty() : !row
      %m1:3 = linalg.generic #state ins(%tileMax : !row) outs(%max, %sum, %alphaEmpty : !row, !row, !row) {
      ^bb0(%x: f32, %old: f32, %oldSum: f32, %unused: f32):
        %isLarger = arith.cmpf ogt, %x, %old : f32
        %new = arith.select %isLarger, %x, %old : f32
        %isFinite = arith.cmpf ogt, %new, %lowest : f32
        %finite = arith.select %isFinite, %new, %lowest : f32
        %difference = arith.subf %old, %finite : f32
        %alpha = math.exp2 %difference {attn.non_positive} : f32
        %scaled = arith.mulf %alpha, %oldSum : f32
        linalg.yield %new, %scaled, %alpha : f32, f32, f32
      } -> (!row, !row, !row)
      %p:2 = linalg.generic #weights ins(%m1#0 : !row) outs(%s, %m1#1 : !tile, !row) {
      ^bb0(%largest: f32, %score: f32, %old: f32):
        %isFinite = arith.cmpf ogt, %largest, %lowest : f32
        %finite = arith.select %isFinite, %largest, %lowest : f32
        %difference = arith.subf %score, %finite : f32
        %weight = math.exp2 %difference {attn.non_positive} : f32
        %new = arith.addf %old, %weight : f32
        linalg.yield %weight, %new : f32, f32
      } -> (!tile, !row)

      %accScaled = linalg.generic #rescale ins(%m1#2 : !row) outs(%acc : !tile) {
      ^bb0(%alpha: f32, %old: f32):
        %new = arith.mulf %alpha, %old : f32
        linalg.yield %new : f32
      } -> !tile
      %accNext = linalg.generic #values ins(%vt, %p#0 : !tile, !tile) outs(%accScaled : !tile) {
      ^bb0(%value: f32, %weight: f32, %old: f32):
        %product = arith.mulf %value, %weight fastmath<contract> : f32
        %new = arith.addf %old, %product fastmath<contract> : f32
        linalg.yield %new : f32
      } -> !tile
      scf.yield %accNext, %m1#0, %p#1 : !tile, !row, !row
    }

    %all:3 = scf.for %j0 = %wholeEnd to %m step %c64
        iter_args(%acc = %full#0, %max = %full#1, %sum = %full#2) -> (!tile, !row, !row) {
      %keys = affine.min #keysLeft()[%m, %j0]
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to !part
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to !part
      // Static memory of which an incomplete tile uses a part.
      %sMemory = tensor.empty() : !tile
      %sEmpty = tensor.extract_slice %sMemory[0, 0] [%keys, 64] [1, 1] : !tile to !part
      %sZero = linalg.fill {attn.role = "qk"} ins(%zero : f32) outs(%sEmpty : !part) -> !part
      %s = linalg.generic #scores ins(%kt, %qt : !part, !tile) outs(%sZero : !part) {
      ^bb0(%x: f32, %y: f32, %old: f32):
        %xy = arith.mulf %x, %y fastmath<contract> : f32
        %new = arith.addf %old, %xy fastmath<contract> : f32
        linalg.yield %new : f32
      } -> !part

      %tileMaxEmpty = tensor.empty() : !row
      %none = linalg.fill {attn.role = "softmax"} ins(%minusInf : f32) outs(%tileMaxEmpty : !row) -> !row
      %tileMax = linalg.generic #maximum ins(%s : !part) outs(%none : !row) {
      ^bb0(%x: f32, %old: f32):
        %isLarger = arith.cmpf ogt, %x, %old : f32
        %new = arith.select %isLarger, %x, %old : f32
        linalg.yield %new : f32
      } -> !row

      %alphaEmpty = tensor.empty() : !row
      %m1:3 = linalg.generic #state ins(%tileMax : !row) outs(%max, %sum, %alphaEmpty : !row, !row, !row) {
      ^bb0(%x: f32, %old: f32, %oldSum: f32, %unused: f32):
        %isLarger = arith.cmpf ogt, %x, %old : f32
        %new = arith.select %isLarger, %x, %old : f32
        %isFinite = arith.cmpf ogt, %new, %lowest : f32
        %finite = arith.select %isFinite, %new, %lowest : f32
        %difference = arith.subf %old, %finite : f32
        %alpha = math.exp2 %difference {attn.non_positive} : f32
        %scaled = arith.mulf %alpha, %oldSum : f32
        linalg.yield %new, %scaled, %alpha : f32, f32, f32
      } -> (!row, !row, !row)
      %p:2 = linalg.generic #weights ins(%m1#0 : !row) outs(%s, %m1#1 : !part, !row) {
      ^bb0(%largest: f32, %score: f32, %old: f32):
        %isFinite = arith.cmpf ogt, %largest, %lowest : f32
        %finite = arith.select %isFinite, %largest, %lowest : f32
        %difference = arith.subf %score, %finite : f32
        %weight = math.exp2 %difference {attn.non_positive} : f32
        %new = arith.addf %old, %weight : f32
        linalg.yield %weight, %new : f32, f32
      } -> (!part, !row)

      %accScaled = linalg.generic #rescale ins(%m1#2 : !row) outs(%acc : !tile) {
      ^bb0(%alpha: f32, %old: f32):
        %new = arith.mulf %alpha, %old : f32
        linalg.yield %new : f32
      } -> !tile
      %accNext = linalg.generic #values ins(%vt, %p#0 : !part, !part) outs(%accScaled : !tile) {
      ^bb0(%value: f32, %weight: f32, %old: f32):
        %product = arith.mulf %value, %weight fastmath<contract> : f32
        %new = arith.addf %old, %product fastmath<contract> : f32
        linalg.yield %new : f32
      } -> !tile
      scf.yield %accNext, %m1#0, %p#1 : !tile, !row, !row
    }

    // 3. Is acc finite? 0 * x is 0 for finite x and NaN for all others, and sums keep a NaN.
    %lanesEmpty = tensor.empty() : !row
    %laneZeros = linalg.fill {attn.role = "check"} ins(%zero : f32) outs(%lanesEmpty : !row) -> !row
    %perLane = linalg.generic #checkLanes ins(%all#0 : !tile) outs(%laneZeros : !row) {
    ^bb0(%x: f32, %old: f32):
      %nothing = arith.mulf %x, %zero : f32
      %new = arith.addf %old, %nothing : f32
      linalg.yield %new : f32
    } -> !row
    %tileEmpty = tensor.empty() : tensor<f32>
    %tileZero = linalg.fill {attn.role = "check"} ins(%zero : f32) outs(%tileEmpty : tensor<f32>) -> tensor<f32>
    %perTile = linalg.generic #checkTile ins(%perLane : !row) outs(%tileZero : tensor<f32>) {
    ^bb0(%x: f32, %old: f32):
      %new = arith.addf %old, %x : f32
      linalg.yield %new : f32
    } -> tensor<f32>
    %check = tensor.extract %perTile[] : tensor<f32>
    %isBad = arith.cmpf uno, %check, %check : f32
    %done:3 = scf.if %isBad -> (!tile, !row, !row) {
      %acc1 = linalg.fill {attn.role = "redo"} ins(%zero : f32) outs(%all#0 : !tile) -> !tile
      %max1 = linalg.fill {attn.role = "redo"} ins(%minusInf : f32) outs(%all#1 : !row) -> !row
      %sum1 = linalg.fill {attn.role = "redo"} ins(%zero : f32) outs(%all#2 : !row) -> !row
      %redone:3 = scf.for %j0 = %c0 to %m step %c64
          iter_args(%acc = %acc1, %max = %max1, %sum = %sum1) -> (!tile, !row, !row) {
        %keys = affine.min #keysLeft()[%m, %j0]
        %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to !part
        %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to !part
        // Static memory of which an incomplete tile uses a part.
        %sMemory = tensor.empty() : !tile
        %sEmpty = tensor.extract_slice %sMemory[0, 0] [%keys, 64] [1, 1] : !tile to !part
        %sZero = linalg.fill {attn.role = "qk"} ins(%zero : f32) outs(%sEmpty : !part) -> !part
        %s = linalg.generic #scores ins(%kt, %qt : !part, !tile) outs(%sZero : !part) {
        ^bb0(%x: f32, %y: f32, %old: f32):
          %xy = arith.mulf %x, %y fastmath<contract> : f32
          %new = arith.addf %old, %xy fastmath<contract> : f32
          linalg.yield %new : f32
        } -> !part

        %tileMaxEmpty = tensor.empty() : !row
        %none = linalg.fill {attn.role = "softmax"} ins(%minusInf : f32) outs(%tileMaxEmpty : !row) -> !row
        %tileMax = linalg.generic #maximum ins(%s : !part) outs(%none : !row) {
        ^bb0(%x: f32, %old: f32):
          %isLarger = arith.cmpf ogt, %x, %old : f32
          %new = arith.select %isLarger, %x, %old : f32
          linalg.yield %new : f32
        } -> !row

        %alphaEmpty = tensor.empty() : !row
        %m1:3 = linalg.generic #state ins(%tileMax : !row) outs(%max, %sum, %alphaEmpty : !row, !row, !row) {
        ^bb0(%x: f32, %old: f32, %oldSum: f32, %unused: f32):
          %isLarger = arith.cmpf ogt, %x, %old : f32
          %new = arith.select %isLarger, %x, %old : f32
          %isFinite = arith.cmpf ogt, %new, %lowest : f32
          %finite = arith.select %isFinite, %new, %lowest : f32
          %difference = arith.subf %old, %finite : f32
          %alpha = math.exp2 %difference {attn.non_positive} : f32
          %scaled = arith.mulf %alpha, %oldSum : f32
          linalg.yield %new, %scaled, %alpha : f32, f32, f32
        } -> (!row, !row, !row)
        %p:2 = linalg.generic #weights ins(%m1#0 : !row) outs(%s, %m1#1 : !part, !row) {
        ^bb0(%largest: f32, %score: f32, %old: f32):
          %isFinite = arith.cmpf ogt, %largest, %lowest : f32
          %finite = arith.select %isFinite, %largest, %lowest : f32
          %difference = arith.subf %score, %finite : f32
          %weight = math.exp2 %difference {attn.non_positive} : f32
          %isNotKept = arith.cmpf oeq, %score, %minusInf : f32
          %counted = arith.select %isNotKept, %zero, %weight : f32
          %new = arith.addf %old, %counted : f32
          %stored = arith.select %isNotKept, %minusInf, %counted : f32
          linalg.yield %stored, %new : f32, f32
        } -> (!part, !row)

        %accScaled = linalg.generic #rescale ins(%m1#2 : !row) outs(%acc : !tile) {
        ^bb0(%alpha: f32, %old: f32):
          %new = arith.mulf %alpha, %old : f32
          linalg.yield %new : f32
        } -> !tile
        %accNext = linalg.generic #values ins(%vt, %p#0 : !part, !part) outs(%accScaled : !tile) {
        ^bb0(%value: f32, %weight: f32, %old: f32):
          %product = arith.mulf %value, %weight fastmath<contract> : f32
          %new = arith.addf %old, %product fastmath<contract> : f32
          %isNotKept = arith.cmpf oeq, %weight, %minusInf : f32
          %counted = arith.select %isNotKept, %old, %new : f32
          linalg.yield %counted : f32
        } -> !tile
        scf.yield %accNext, %m1#0, %p#1 : !tile, !row, !row
      }
      scf.yield %redone#0, %redone#1, %redone#2 : !tile, !row, !row
    } else {
      scf.yield %all#0, %all#1, %all#2 : !tile, !row, !row
    }

    // 4. Finish the rows that exist: out = acc / sum, transposed back; 0 where no key was kept.
    %result = tensor.extract_slice %o[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1] : !bnhd to !part
    %inverseEmpty = tensor.empty() : !row
    %inverseRows = tensor.extract_slice %inverseEmpty[0] [%nq] [1] : !row to tensor<?xf32>
    %accRows = tensor.extract_slice %done#0[0, 0] [64, %nq] [1, 1] : !tile to tensor<64x?xf32>
    %sumRows = tensor.extract_slice %done#2[0] [%nq] [1] : !row to tensor<?xf32>
    %inverse = linalg.generic #inverse ins(%sumRows : tensor<?xf32>) outs(%inverseRows : tensor<?xf32>) {
    ^bb0(%x: f32, %unused: f32):
      %y = arith.divf %one, %x : f32
      %isEmpty = arith.cmpf oeq, %x, %zero : f32
      %z = arith.select %isEmpty, %zero, %y : f32
      linalg.yield %z : f32
    } -> tensor<?xf32>
    %rows = linalg.generic #unpack ins(%accRows, %inverse : tensor<64x?xf32>, tensor<?xf32>) outs(%result : !part) {
    ^bb0(%x: f32, %y: f32, %unused: f32):
      %product = arith.mulf %x, %y : f32
      %isEmpty = arith.cmpf oeq, %y, %zero : f32
      %z = arith.select %isEmpty, %zero, %product : f32
      linalg.yield %z : f32
    } -> !part
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %rows into %o[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1]
        : !part into !bnhd
    }
  } {attn.plan = #plan}
  bufferization.materialize_in_destination %out in restrict writable %outView : (!bnhd, !view) -> ()
  return
}

// CHECK-LABEL: func.func @causal(
//  CHECK-SAME:   %[[QV:[^ ]+]]: memref<?x?x?x64xf32, strided<[?, ?, ?, 1], offset: ?>>, %[[KV:[^ ]+]]: memref
//  CHECK-SAME:   attn.arguments = [{{.*}}name = "q", {{.*}}kind = "output", name = "out",
//       CHECK:   %[[K:.+]] = bufferization.to_tensor %[[KV]] restrict :
//       CHECK:   %[[O:.+]] = bufferization.to_tensor %[[OV:.+]] restrict writable :
//       CHECK:   scf.forall (%[[B:.+]], %[[H:.+]], %[[IT:.+]]) in (%{{[^)]+}}) shared_outs(%[[OUT:[^ ]+]] = %[[O]])
//       CHECK:     linalg.generic {{.+}} {attn.operand = 0 : i64, attn.role = "pack"}
//       CHECK:     %[[QT:.+]] = tensor.insert_slice
//       CHECK:     scf.for %{{.+}} iter_args(%[[ACC:[^ ]+]] = %{{[^ ]+}}, %[[MAX:[^ ]+]] = %{{[^ ]+}}, %[[SUM:[^ ]+]] =
//       CHECK:       %[[KT:.+]] = tensor.extract_slice %[[K]]
//       CHECK:       %[[S:.+]] = linalg.generic {{.+}} ins(%[[KT]], %[[QT]] : {{.+}} {attn.role = "qk"}
//       CHECK:         arith.addf {{.+}} fastmath<contract>
//       CHECK:       %[[TILE_MAX:.+]] = linalg.generic {{.+}} ins(%[[S]] : {{.+}} {attn.role = "softmax"}
//       CHECK:       %[[M:.+]]:3 = linalg.generic {{.+}} ins(%[[TILE_MAX]] : {{.+}} outs(%[[MAX]], %[[SUM]],
//       CHECK:         math.exp2 {{.+}} {attn.non_positive}
//       CHECK:       %[[P:.+]]:2 = linalg.generic {{.+}} ins(%[[M]]#0 : {{.+}} outs(%[[S]], %[[M]]#1 :
//       CHECK:         math.exp2 {{.+}} {attn.non_positive}
//       CHECK:       %[[A:.+]] = linalg.generic {{.+}} ins(%[[M]]#2 : {{.+}} outs(%[[ACC]] :
//  CHECK-SAME:         {attn.role = "rescale"}
//       CHECK:       %[[A1:.+]] = linalg.generic {{.+}} ins(%{{.+}}, %[[P]]#0 : {{.+}} outs(%[[A]] :
//  CHECK-SAME:         {attn.role = "pv"}
//       CHECK:       scf.yield %[[A1]], %[[M]]#0, %[[P]]#1
//       CHECK:     scf.for
//       CHECK:       %[[PARTIAL:.+]]:2 = linalg.generic {{.+}} outs(%{{[^ ]+}}, %{{[^ ]+}} : tensor<?x64xf32>,
//       CHECK:         linalg.index
//       CHECK:         arith.cmpi sle
//       CHECK:         arith.select
//       CHECK:       linalg.generic {{.+}} outs(%[[PARTIAL]]#0, %{{.+}} {attn.role = "softmax"}
//       CHECK:       linalg.generic {{.+}} {attn.role = "pv"}
//       CHECK:     scf.if
//       CHECK:       linalg.fill {{.*}}attn.role = "redo"
//       CHECK:       scf.for
//       CHECK:         linalg.generic {{.+}} {attn.role = "pv"}
//       CHECK:           arith.cmpf oeq
//       CHECK:           arith.select
//       CHECK:     linalg.generic {{.+}} {attn.role = "finalize"}
//       CHECK:     %[[ROWS:.+]] = linalg.generic {{.+}} {attn.role = "unpack"}
//       CHECK:     tensor.parallel_insert_slice %[[ROWS]] into %[[OUT]][%[[B]], %{{.+}}, %[[H]], 0]
//       CHECK:   {attn.plan = #attn.plan<online, rows_minor, rows = 64, keys = 64, lanes = 16, register_tile = [4, 4]>}
//       CHECK:   bufferization.materialize_in_destination {{.+}} in restrict writable %[[OV]]
func.func @causal(%qView: !view, %kView: !view, %vView: !view, %outView: !view)
    attributes {attn.arguments = #arguments} {
  %q = bufferization.to_tensor %qView restrict : !view to !bnhd
  %k = bufferization.to_tensor %kView restrict : !view to !bnhd
  %v = bufferization.to_tensor %vView restrict : !view to !bnhd
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minusInf = arith.constant 0xFF800000 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %factor = arith.constant 0.18033688 : f32 // scale * log2(e) = 0.125 * 1.442695
  %batches = tensor.dim %q, %c0 : !bnhd
  %n = tensor.dim %q, %c1 : !bnhd
  %heads = tensor.dim %q, %c2 : !bnhd
  %m = tensor.dim %k, %c1 : !bnhd
  %kBatches = tensor.dim %k, %c0 : !bnhd
  %kHeads = tensor.dim %k, %c2 : !bnhd
  %vBatches = tensor.dim %v, %c0 : !bnhd
  %vRows = tensor.dim %v, %c1 : !bnhd
  %vHeads = tensor.dim %v, %c2 : !bnhd
  %sameKeyBatches = arith.cmpi eq, %batches, %kBatches : index
  cf.assert %sameKeyBatches, "'query' and 'key' agree on B"
  %sameValueBatches = arith.cmpi eq, %batches, %vBatches : index
  cf.assert %sameValueBatches, "'query' and 'value' agree on B"
  %sameKeyHeads = arith.cmpi eq, %heads, %kHeads : index
  cf.assert %sameKeyHeads, "'query' and 'key' agree on H"
  %sameValueHeads = arith.cmpi eq, %heads, %vHeads : index
  cf.assert %sameValueHeads, "'query' and 'value' agree on H"
  %sameRows = arith.cmpi eq, %m, %vRows : index
  cf.assert %sameRows, "'key' and 'value' agree on M"
  %outBatches = memref.dim %outView, %c0 : !view
  %sameBatches = arith.cmpi eq, %outBatches, %batches : index
  cf.assert %sameBatches, "'out' has the size of the result in dimension 0"
  %outRows = memref.dim %outView, %c1 : !view
  %sameOutRows = arith.cmpi eq, %outRows, %n : index
  cf.assert %sameOutRows, "'out' has the size of the result in dimension 1"
  %outHeads = memref.dim %outView, %c2 : !view
  %sameHeads = arith.cmpi eq, %outHeads, %heads : index
  cf.assert %sameHeads, "'out' has the size of the result in dimension 2"
  %ahead = arith.subi %m, %n : index
  %init = bufferization.to_tensor %outView restrict writable : !view to !bnhd
  %rowTiles = affine.apply #tiles()[%n]
  %out = scf.forall (%b, %h, %it) in (%batches, %heads, %rowTiles) shared_outs(%o = %init) -> (!bnhd) {
    %i0 = affine.apply #start()[%it]
    %nq = affine.min #rowsLeft()[%n, %it]

    // 1. Pack.
    %qRows = tensor.extract_slice %q[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1] : !bnhd to !part
    %qEmpty = tensor.empty() : !tile
    %qZeros = linalg.fill {attn.operand = 0 : i64, attn.role = "pack"} ins(%zero : f32) outs(%qEmpty : !tile) -> !tile
    %lanes = tensor.extract_slice %qZeros[0, 0] [64, %nq] [1, 1] : !tile to tensor<64x?xf32>
    %packed = linalg.generic #pack ins(%qRows : !part) outs(%lanes : tensor<64x?xf32>) {
    ^bb0(%x: f32, %old: f32):
      %scaled = arith.mulf %x, %factor : f32
      linalg.yield %scaled : f32
    } -> tensor<64x?xf32>
    %qt = tensor.insert_slice %packed into %qZeros[0, 0] [64, %nq] [1, 1] : tensor<64x?xf32> into !tile

    // 2. Visit the keys: whole tiles, then what is left.
    %visitedOrLess = affine.min #visited()[%m, %ahead, %nq, %it]
    %end = affine.max #notNegative()[%visitedOrLess]
    %keptOrLess = affine.min #kept()[%m, %ahead, %it]
    %keptByAll = affine.max #notNegative()[%keptOrLess]
    %wholeEnd = affine.apply #whole()[%keptByAll]
    %accEmpty = tensor.empty() : !tile
    %acc0 = linalg.fill {attn.role = "init"} ins(%zero : f32) outs(%accEmpty : !tile) -> !tile
    %maxEmpty = tensor.empty() : !row
    %max0 = linalg.fill {attn.role = "init"} ins(%minusInf : f32) outs(%maxEmpty : !row) -> !row
    %sumEmpty = tensor.empty() : !row
    %sum0 = linalg.fill {attn.role = "init"} ins(%zero : f32) outs(%sumEmpty : !row) -> !row
    %full:3 = scf.for %j0 = %c0 to %wholeEnd step %c64
        iter_args(%acc = %acc0, %max = %max0, %sum = %sum0) -> (!tile, !row, !row) {
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1] : !bnhd to !tile
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1] : !bnhd to !tile
      %sEmpty = tensor.empty() : !tile
      %sZero = linalg.fill {attn.role = "qk"} ins(%zero : f32) outs(%sEmpty : !tile) -> !tile
      %s = linalg.generic #scores ins(%kt, %qt : !tile, !tile) outs(%sZero : !tile) {
      ^bb0(%x: f32, %y: f32, %old: f32):
        %xy = arith.mulf %x, %y fastmath<contract> : f32
        %new = arith.addf %old, %xy fastmath<contract> : f32
        linalg.yield %new : f32
      } -> !tile

      %tileMaxEmpty = tensor.empty() : !row
      %none = linalg.fill {attn.role = "softmax"} ins(%minusInf : f32) outs(%tileMaxEmpty : !row) -> !row
      %tileMax = linalg.generic #maximum ins(%s : !tile) outs(%none : !row) {
      ^bb0(%x: f32, %old: f32):
        %isLarger = arith.cmpf ogt, %x, %old : f32
        %new = arith.select %isLarger, %x, %old : f32
        linalg.yield %new : f32
      } -> !row

      %alphaEmpty = tensor.empty() : !row
      %m1:3 = linalg.generic #state ins(%tileMax : !row) outs(%max, %sum, %alphaEmpty : !row, !row, !row) {
      ^bb0(%x: f32, %old: f32, %oldSum: f32, %unused: f32):
        %isLarger = arith.cmpf ogt, %x, %old : f32
        %new = arith.select %isLarger, %x, %old : f32
        %isFinite = arith.cmpf ogt, %new, %lowest : f32
        %finite = arith.select %isFinite, %new, %lowest : f32
        %difference = arith.subf %old, %finite : f32
        %alpha = math.exp2 %difference {attn.non_positive} : f32
        %scaled = arith.mulf %alpha, %oldSum : f32
        linalg.yield %new, %scaled, %alpha : f32, f32, f32
      } -> (!row, !row, !row)
      %p:2 = linalg.generic #weights ins(%m1#0 : !row) outs(%s, %m1#1 : !tile, !row) {
      ^bb0(%largest: f32, %score: f32, %old: f32):
        %isFinite = arith.cmpf ogt, %largest, %lowest : f32
        %finite = arith.select %isFinite, %largest, %lowest : f32
        %difference = arith.subf %score, %finite : f32
        %weight = math.exp2 %difference {attn.non_positive} : f32
        %new = arith.addf %old, %weight : f32
        linalg.yield %weight, %new : f32, f32
      } -> (!tile, !row)

      %accScaled = linalg.generic #rescale ins(%m1#2 : !row) outs(%acc : !tile) {
      ^bb0(%alpha: f32, %old: f32):
        %new = arith.mulf %alpha, %old : f32
        linalg.yield %new : f32
      } -> !tile
      %accNext = linalg.generic #values ins(%vt, %p#0 : !tile, !tile) outs(%accScaled : !tile) {
      ^bb0(%value: f32, %weight: f32, %old: f32):
        %product = arith.mulf %value, %weight fastmath<contract> : f32
        %new = arith.addf %old, %product fastmath<contract> : f32
        linalg.yield %new : f32
      } -> !tile
      scf.yield %accNext, %m1#0, %p#1 : !tile, !row, !row
    }

    %all:3 = scf.for %j0 = %wholeEnd to %end step %c64
        iter_args(%acc = %full#0, %max = %full#1, %sum = %full#2) -> (!tile, !row, !row) {
      %keys = affine.min #keysLeft()[%end, %j0]
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to !part
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to !part
      // Static memory of which an incomplete tile uses a part.
      %sMemory = tensor.empty() : !tile
      %sEmpty = tensor.extract_slice %sMemory[0, 0] [%keys, 64] [1, 1] : !tile to !part
      %sZero = linalg.fill {attn.role = "qk"} ins(%zero : f32) outs(%sEmpty : !part) -> !part
      %s = linalg.generic #scores ins(%kt, %qt : !part, !tile) outs(%sZero : !part) {
      ^bb0(%x: f32, %y: f32, %old: f32):
        %xy = arith.mulf %x, %y fastmath<contract> : f32
        %new = arith.addf %old, %xy fastmath<contract> : f32
        linalg.yield %new : f32
      } -> !part

      %tileMaxEmpty = tensor.empty() : !row
      %none = linalg.fill {attn.role = "softmax"} ins(%minusInf : f32) outs(%tileMaxEmpty : !row) -> !row
      %kept:2 = linalg.generic #maximum outs(%s, %none : !part, !row) {
      ^bb0(%score: f32, %old: f32):
        %jLocal = linalg.index 0 : index
        %iLocal = linalg.index 1 : index
        %j = arith.addi %jLocal, %j0 : index
        %i = arith.addi %iLocal, %i0 : index
        %last = arith.addi %i, %ahead : index
        %keep = arith.cmpi sle, %j, %last : index
        %x = arith.select %keep, %score, %minusInf : f32
        %isLarger = arith.cmpf ogt, %x, %old : f32
        %new = arith.select %isLarger, %x, %old : f32
        linalg.yield %x, %new : f32, f32
      } -> (!part, !row)

      %alphaEmpty = tensor.empty() : !row
      %m1:3 = linalg.generic #state ins(%kept#1 : !row) outs(%max, %sum, %alphaEmpty : !row, !row, !row) {
      ^bb0(%x: f32, %old: f32, %oldSum: f32, %unused: f32):
        %isLarger = arith.cmpf ogt, %x, %old : f32
        %new = arith.select %isLarger, %x, %old : f32
        %isFinite = arith.cmpf ogt, %new, %lowest : f32
        %finite = arith.select %isFinite, %new, %lowest : f32
        %difference = arith.subf %old, %finite : f32
        %alpha = math.exp2 %difference {attn.non_positive} : f32
        %scaled = arith.mulf %alpha, %oldSum : f32
        linalg.yield %new, %scaled, %alpha : f32, f32, f32
      } -> (!row, !row, !row)
      %p:2 = linalg.generic #weights ins(%m1#0 : !row) outs(%kept#0, %m1#1 : !part, !row) {
      ^bb0(%largest: f32, %score: f32, %old: f32):
        %isFinite = arith.cmpf ogt, %largest, %lowest : f32
        %finite = arith.select %isFinite, %largest, %lowest : f32
        %difference = arith.subf %score, %finite : f32
        %weight = math.exp2 %difference {attn.non_positive} : f32
        %new = arith.addf %old, %weight : f32
        linalg.yield %weight, %new : f32, f32
      } -> (!part, !row)

      %accScaled = linalg.generic #rescale ins(%m1#2 : !row) outs(%acc : !tile) {
      ^bb0(%alpha: f32, %old: f32):
        %new = arith.mulf %alpha, %old : f32
        linalg.yield %new : f32
      } -> !tile
      %accNext = linalg.generic #values ins(%vt, %p#0 : !part, !part) outs(%accScaled : !tile) {
      ^bb0(%value: f32, %weight: f32, %old: f32):
        %product = arith.mulf %value, %weight fastmath<contract> : f32
        %new = arith.addf %old, %product fastmath<contract> : f32
        linalg.yield %new : f32
      } -> !tile
      scf.yield %accNext, %m1#0, %p#1 : !tile, !row, !row
    }

    // 3. Is acc finite? 0 * x is 0 for finite x and NaN for all others, and sums keep a NaN.
    %lanesEmpty = tensor.empty() : !row
    %laneZeros = linalg.fill {attn.role = "check"} ins(%zero : f32) outs(%lanesEmpty : !row) -> !row
    %perLane = linalg.generic #checkLanes ins(%all#0 : !tile) outs(%laneZeros : !row) {
    ^bb0(%x: f32, %old: f32):
      %nothing = arith.mulf %x, %zero : f32
      %new = arith.addf %old, %nothing : f32
      linalg.yield %new : f32
    } -> !row
    %tileEmpty = tensor.empty() : tensor<f32>
    %tileZero = linalg.fill {attn.role = "check"} ins(%zero : f32) outs(%tileEmpty : tensor<f32>) -> tensor<f32>
    %perTile = linalg.generic #checkTile ins(%perLane : !row) outs(%tileZero : tensor<f32>) {
    ^bb0(%x: f32, %old: f32):
      %new = arith.addf %old, %x : f32
      linalg.yield %new : f32
    } -> tensor<f32>
    %check = tensor.extract %perTile[] : tensor<f32>
    %isBad = arith.cmpf uno, %check, %check : f32
    %done:3 = scf.if %isBad -> (!tile, !row, !row) {
      %acc1 = linalg.fill {attn.role = "redo"} ins(%zero : f32) outs(%all#0 : !tile) -> !tile
      %max1 = linalg.fill {attn.role = "redo"} ins(%minusInf : f32) outs(%all#1 : !row) -> !row
      %sum1 = linalg.fill {attn.role = "redo"} ins(%zero : f32) outs(%all#2 : !row) -> !row
      %redone:3 = scf.for %j0 = %c0 to %end step %c64
          iter_args(%acc = %acc1, %max = %max1, %sum = %sum1) -> (!tile, !row, !row) {
        %keys = affine.min #keysLeft()[%end, %j0]
        %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to !part
        %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to !part
        // Static memory of which an incomplete tile uses a part.
        %sMemory = tensor.empty() : !tile
        %sEmpty = tensor.extract_slice %sMemory[0, 0] [%keys, 64] [1, 1] : !tile to !part
        %sZero = linalg.fill {attn.role = "qk"} ins(%zero : f32) outs(%sEmpty : !part) -> !part
        %s = linalg.generic #scores ins(%kt, %qt : !part, !tile) outs(%sZero : !part) {
        ^bb0(%x: f32, %y: f32, %old: f32):
          %xy = arith.mulf %x, %y fastmath<contract> : f32
          %new = arith.addf %old, %xy fastmath<contract> : f32
          linalg.yield %new : f32
        } -> !part

        %tileMaxEmpty = tensor.empty() : !row
        %none = linalg.fill {attn.role = "softmax"} ins(%minusInf : f32) outs(%tileMaxEmpty : !row) -> !row
        %kept:2 = linalg.generic #maximum outs(%s, %none : !part, !row) {
        ^bb0(%score: f32, %old: f32):
          %jLocal = linalg.index 0 : index
          %iLocal = linalg.index 1 : index
          %j = arith.addi %jLocal, %j0 : index
          %i = arith.addi %iLocal, %i0 : index
          %last = arith.addi %i, %ahead : index
          %keep = arith.cmpi sle, %j, %last : index
          %x = arith.select %keep, %score, %minusInf : f32
          %isLarger = arith.cmpf ogt, %x, %old : f32
          %new = arith.select %isLarger, %x, %old : f32
          linalg.yield %x, %new : f32, f32
        } -> (!part, !row)

        %alphaEmpty = tensor.empty() : !row
        %m1:3 = linalg.generic #state ins(%kept#1 : !row) outs(%max, %sum, %alphaEmpty : !row, !row, !row) {
        ^bb0(%x: f32, %old: f32, %oldSum: f32, %unused: f32):
          %isLarger = arith.cmpf ogt, %x, %old : f32
          %new = arith.select %isLarger, %x, %old : f32
          %isFinite = arith.cmpf ogt, %new, %lowest : f32
          %finite = arith.select %isFinite, %new, %lowest : f32
          %difference = arith.subf %old, %finite : f32
          %alpha = math.exp2 %difference {attn.non_positive} : f32
          %scaled = arith.mulf %alpha, %oldSum : f32
          linalg.yield %new, %scaled, %alpha : f32, f32, f32
        } -> (!row, !row, !row)
        %p:2 = linalg.generic #weights ins(%m1#0 : !row) outs(%kept#0, %m1#1 : !part, !row) {
        ^bb0(%largest: f32, %score: f32, %old: f32):
          %isFinite = arith.cmpf ogt, %largest, %lowest : f32
          %finite = arith.select %isFinite, %largest, %lowest : f32
          %difference = arith.subf %score, %finite : f32
          %weight = math.exp2 %difference {attn.non_positive} : f32
          %isNotKept = arith.cmpf oeq, %score, %minusInf : f32
          %counted = arith.select %isNotKept, %zero, %weight : f32
          %new = arith.addf %old, %counted : f32
          %stored = arith.select %isNotKept, %minusInf, %counted : f32
          linalg.yield %stored, %new : f32, f32
        } -> (!part, !row)

        %accScaled = linalg.generic #rescale ins(%m1#2 : !row) outs(%acc : !tile) {
        ^bb0(%alpha: f32, %old: f32):
          %new = arith.mulf %alpha, %old : f32
          linalg.yield %new : f32
        } -> !tile
        %accNext = linalg.generic #values ins(%vt, %p#0 : !part, !part) outs(%accScaled : !tile) {
        ^bb0(%value: f32, %weight: f32, %old: f32):
          %product = arith.mulf %value, %weight fastmath<contract> : f32
          %new = arith.addf %old, %product fastmath<contract> : f32
          %isNotKept = arith.cmpf oeq, %weight, %minusInf : f32
          %counted = arith.select %isNotKept, %old, %new : f32
          linalg.yield %counted : f32
        } -> !tile
        scf.yield %accNext, %m1#0, %p#1 : !tile, !row, !row
      }
      scf.yield %redone#0, %redone#1, %redone#2 : !tile, !row, !row
    } else {
      scf.yield %all#0, %all#1, %all#2 : !tile, !row, !row
    }

    // 4. Finish the rows that exist: out = acc / sum, transposed back; 0 where no key was kept.
    %result = tensor.extract_slice %o[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1] : !bnhd to !part
    %inverseEmpty = tensor.empty() : !row
    %inverseRows = tensor.extract_slice %inverseEmpty[0] [%nq] [1] : !row to tensor<?xf32>
    %accRows = tensor.extract_slice %done#0[0, 0] [64, %nq] [1, 1] : !tile to tensor<64x?xf32>
    %sumRows = tensor.extract_slice %done#2[0] [%nq] [1] : !row to tensor<?xf32>
    %inverse = linalg.generic #inverse ins(%sumRows : tensor<?xf32>) outs(%inverseRows : tensor<?xf32>) {
    ^bb0(%x: f32, %unused: f32):
      %y = arith.divf %one, %x : f32
      %isEmpty = arith.cmpf oeq, %x, %zero : f32
      %z = arith.select %isEmpty, %zero, %y : f32
      linalg.yield %z : f32
    } -> tensor<?xf32>
    %rows = linalg.generic #unpack ins(%accRows, %inverse : tensor<64x?xf32>, tensor<?xf32>) outs(%result : !part) {
    ^bb0(%x: f32, %y: f32, %unused: f32):
      %product = arith.mulf %x, %y : f32
      %isEmpty = arith.cmpf oeq, %y, %zero : f32
      %z = arith.select %isEmpty, %zero, %product : f32
      linalg.yield %z : f32
    } -> !part
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %rows into %o[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1]
        : !part into !bnhd
    }
  } {attn.plan = #plan}
  bufferization.materialize_in_destination %out in restrict writable %outView : (!bnhd, !view) -> ()
  return
}
