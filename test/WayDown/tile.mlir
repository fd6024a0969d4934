// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The way down, third rung: stage `tile` cuts the problem into tasks, and each task into tiles of keys.
//
// Takes plan.mlir. Leaves one scf.forall over batches, heads and row tiles, which carries the plan. Its iterations
// share nothing: they are the tasks that threads will run. In a task:
//
//   1. Q of the row tile is packed: transposed to [d, rows] and multiplied by scale and log2(e), so that scores are
//      exponents of 2. Beyond the last row the tile holds zeros, whose results nobody reads.
//   2. Loops over key tiles carry acc [e, rows], the sum of weighted values so far, and for each row the running
//      maximum and the running sum of weights. K and V are slices, never copied. Tiles that the mask keeps whole need
//      no mask; what is left, masked or incomplete, is the second loop. Tiles that it keeps nothing of are not visited.
//   3. A weight of 0 does not silence a NaN or an infinity of V: 0 * inf is NaN. So acc is tested, and only where it
//      is not finite are the rows computed again, guarded: with selects, key by key.
//   4. attn.finalize divides by the sum, transposes back, and writes rows that exist. A row without keys gives 0.
//
// Attention ops stand on tiles only, and the row tile has a static size: no later stage needs to know how many rows
// there are in all. `offsets` say where in the problem the tile lies; masks are about those positions.

// RUN: attn-opt %s -attn-verify-stage=stage=tile -canonicalize -cse | FileCheck %s --enable-var-scope
// RUN: attn-compile %S/plan.mlir --start-after=plan --stop-after=tile | attn-opt -canonicalize -cse \
// RUN:   | FileCheck %s --enable-var-scope

// DEFINE: %{sizes} = --shape=q=2x77x3x64 --shape=k=2x130x3x64 --shape=v=2x130x3x64
// DEFINE: %{blind} = --shape=q=1x70x2x64 --shape=k=1x5x2x64 --shape=v=1x5x2x64
// DEFINE: %{run} = attn-run %s --start-after=tile --reference=%S/generic.mlir --compare
// RUN: %{run} --func=dense %{sizes} --strides=padded
// RUN: %{run} --func=causal %{sizes} --strides=padded --threads=2
// RUN: %{run} --func=causal %{blind} --strides=permuted

// The last key is seen by the last row only: what V holds there stays there (step 3).
// RUN: %{run} --func=causal %{sizes} --fill=v=nan@:,129

// Nobody after this stage checks sizes; the file does.
// RUN: not attn-run %s --start-after=tile --func=dense --shape=q=2x77x3x64 --shape=k=2x130x3x64 --shape=v=2x129x3x64 \
// RUN:   --shape=out=2x77x3x64 2>&1 | FileCheck %s --check-prefix=REFUSED
// REFUSED: 'dense' refuses the call with status 4

!bnhd = tensor<?x?x?x64xf32>
#plan = #attn.plan<online, rows_minor, rows = 64, keys = 64, lanes = 16, register_tile = [4, 4]>

// The same six loops as above, on tiles: batch and head have size 1 and are gone from the operands.
#qTile = affine_map<(b, h, i, j, d, e) -> (d, i)>
#kTile = affine_map<(b, h, i, j, d, e) -> (j, d)>
#vTile = affine_map<(b, h, i, j, d, e) -> (j, e)>
#acc = affine_map<(b, h, i, j, d, e) -> (e, i)>
#state = affine_map<(b, h, i, j, d, e) -> (i)>

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

#scalar = affine_map<(x) -> ()>
#vector = affine_map<(x) -> (x)>
#matrix = affine_map<(x, y) -> (x, y)>
#columns = affine_map<(x, y) -> (y)>
#rows = affine_map<(x, y) -> (x)>
#transposed = affine_map<(x, y) -> (y, x)>

//   CHECK-DAG: #[[$TILES:.+]] = affine_map<()[s0] -> (s0 ceildiv 64)>
//   CHECK-DAG: #[[$START:.+]] = affine_map<()[s0] -> (s0 * 64)>
//   CHECK-DAG: #[[$WHOLE:.+]] = affine_map<()[s0] -> ((s0 floordiv 64) * 64)>
//   CHECK-DAG: #[[$TRANSPOSED:.+]] = affine_map<(d0, d1) -> (d1, d0)>
//   CHECK-DAG: #[[$QT:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d4, d2)>
//   CHECK-DAG: #[[$KT:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d3, d4)>
//   CHECK-DAG: #[[$VT:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d3, d5)>
//   CHECK-DAG: #[[$ACC:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d5, d2)>
//   CHECK-DAG: #[[$STATE:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d2)>

// CHECK-LABEL: func.func @dense(
//       CHECK:   cf.assert %{{.+}}, "'query' and 'key' agree on
//       CHECK:   cf.assert %{{.+}}, "'key' and 'value' agree on
//       CHECK:   scf.forall (%[[B:.+]], %[[H:.+]], %[[IT:.+]]) in (%{{[^)]+}})
//  CHECK-SAME:       shared_outs(%[[OUT:[^ ]+]] =
//       CHECK:     %[[I0:.+]] = affine.apply #[[$START]]()[%[[IT]]]
//       CHECK:     %[[ROWS:.+]] = affine.min #{{.+}}()[%{{.+}}, %[[IT]]]
//       CHECK:     linalg.generic {{.+}}[#[[$TRANSPOSED]], {{.+}} {{.*}}attn.role = "pack"
//       CHECK:       arith.mulf %{{.+}}, %cst{{.*}} : f32
//       CHECK:     %[[Q:.+]] = tensor.insert_slice {{.+}} into tensor<64x64xf32>
//       CHECK:     %[[END:.+]] = affine.apply #[[$WHOLE]]()[%[[M:.+]]]
//       CHECK:     %[[FULL:.+]]:3 = scf.for %[[J:.+]] = %c0 to %[[END]] step %c64
//       CHECK:       %[[K:.+]] = tensor.extract_slice %{{.+}}[%[[B]], %[[J]], %[[H]], 0] [1, 64, 1, 64]
//       CHECK:       %[[V:.+]] = tensor.extract_slice %{{.+}}[%[[B]], %[[J]], %[[H]], 0] [1, 64, 1, 64]
//       CHECK:       attn.online ins(%[[Q]], %[[K]], %[[V]] : tensor<64x64xf32>,
//  CHECK-SAME:         offsets(%[[B]], %[[H]], %[[I0]], %[[J]], %c0, %c0)
//  CHECK-SAME:         maps [#[[$QT]], #[[$KT]], #[[$VT]], #[[$ACC]], #[[$STATE]]] exponent_scale(1.000000e+00)
//   CHECK-NOT:         mask
//       CHECK:     %[[ALL:.+]]:3 = scf.for %[[J:.+]] = %[[END]] to %[[M]] step %c64
//  CHECK-SAME:         iter_args(%{{[^ ]+}} = %[[FULL]]#0,
//       CHECK:       attn.online ins({{.+}}tensor<?x64xf32>
//   CHECK-NOT:         mask
//       CHECK:     linalg.generic {{.+}} ins(%[[ALL]]#0 {{.+}} {attn.role = "check"}
//       CHECK:     %[[BAD:.+]] = arith.cmpf uno
//       CHECK:     %[[DONE:.+]]:3 = scf.if %[[BAD]]
//       CHECK:       scf.for %{{.+}} = %c0 to %[[M]] step %c64
//       CHECK:         attn.online guarded ins
//       CHECK:     } else {
//       CHECK:       scf.yield %[[ALL]]#0, %[[ALL]]#1, %[[ALL]]#2
//       CHECK:     %[[RESULT:.+]]:2 = attn.finalize
//       CHECK:     tensor.parallel_insert_slice %[[RESULT]]#0 into
//  CHECK-SAME:       %[[OUT]][%[[B]], %[[I0]], %[[H]], 0] [1, %[[ROWS]], 1, 64]
//       CHECK:   } {attn.plan = #attn.plan<online, rows_minor, rows = 64, keys = 64, lanes = 16,
//  CHECK-SAME:       register_tile = [4, 4]>}
func.func @dense(%q: !bnhd {attn.name = "q"}, %k: !bnhd {attn.name = "k"}, %v: !bnhd {attn.name = "v"})
    -> (!bnhd {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %minusInf = arith.constant 0xFF800000 : f32
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
  %init = tensor.empty(%batches, %n, %heads) : !bnhd
  %rowTiles = affine.apply #tiles()[%n]
  %out = scf.forall (%b, %h, %it) in (%batches, %heads, %rowTiles) shared_outs(%o = %init) -> (!bnhd) {
    %i0 = affine.apply #start()[%it]
    %nq = affine.min #rowsLeft()[%n, %it]

    // 1. Pack.
    %qRows = tensor.extract_slice %q[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
    %qMemory = tensor.empty() : tensor<64x64xf32>
    %qZeros = linalg.fill {attn.operand = 0 : i64, attn.role = "pack"}
      ins(%zero : f32) outs(%qMemory : tensor<64x64xf32>) -> tensor<64x64xf32>
    %lanes = tensor.extract_slice %qZeros[0, 0] [64, %nq] [1, 1] : tensor<64x64xf32> to tensor<64x?xf32>
    %packed = linalg.generic {indexing_maps = [#transposed, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%qRows : tensor<?x64xf32>) outs(%lanes : tensor<64x?xf32>)
      attrs = {attn.operand = 0 : i64, attn.role = "pack"} {
    ^bb0(%x: f32, %old: f32):
      %scaled = arith.mulf %x, %factor : f32
      linalg.yield %scaled : f32
    } -> tensor<64x?xf32>
    %qt = tensor.insert_slice %packed into %qZeros[0, 0] [64, %nq] [1, 1]
      : tensor<64x?xf32> into tensor<64x64xf32>

    // 2. Visit the keys. Nothing has been seen: sums are 0, the maximum is -inf.
    %wholeEnd = affine.apply #whole()[%m]
    %accMemory = tensor.empty() : tensor<64x64xf32>
    %acc0 = linalg.fill {attn.role = "init"}
      ins(%zero : f32) outs(%accMemory : tensor<64x64xf32>) -> tensor<64x64xf32>
    %maxMemory = tensor.empty() : tensor<64xf32>
    %max0 = linalg.fill {attn.role = "init"} ins(%minusInf : f32) outs(%maxMemory : tensor<64xf32>) -> tensor<64xf32>
    %sumMemory = tensor.empty() : tensor<64xf32>
    %sum0 = linalg.fill {attn.role = "init"} ins(%zero : f32) outs(%sumMemory : tensor<64xf32>) -> tensor<64xf32>
    %full:3 = scf.for %j0 = %c0 to %wholeEnd step %c64
        iter_args(%acc = %acc0, %max = %max0, %sum = %sum0) -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>) {
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<64x64xf32>
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<64x64xf32>
      %next:3 = attn.online ins(%qt, %kt, %vt : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>)
        offsets(%b, %h, %i0, %j0, %c0, %c0)
        outs(%acc, %max, %sum : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>)
        maps [#qTile, #kTile, #vTile, #acc, #state] exponent_scale(1.0) normalizer(#attn.softmax) plan(#plan)
      scf.yield %next#0, %next#1, %next#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
    }
    %all:3 = scf.for %j0 = %wholeEnd to %m step %c64
        iter_args(%acc = %full#0, %max = %full#1, %sum = %full#2)
        -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>) {
      %keys = affine.min #keysLeft()[%m, %j0]
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
      %next:3 = attn.online ins(%qt, %kt, %vt : tensor<64x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
        offsets(%b, %h, %i0, %j0, %c0, %c0)
        outs(%acc, %max, %sum : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>)
        maps [#qTile, #kTile, #vTile, #acc, #state] exponent_scale(1.0) normalizer(#attn.softmax) plan(#plan)
      scf.yield %next#0, %next#1, %next#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
    }

    // 3. Is acc finite? 0 * x is 0 for finite x and NaN for all others, and sums keep a NaN.
    %lanesMemory = tensor.empty() : tensor<64xf32>
    %laneZeros = linalg.fill {attn.role = "check"}
      ins(%zero : f32) outs(%lanesMemory : tensor<64xf32>) -> tensor<64xf32>
    %perLane = linalg.generic {indexing_maps = [#matrix, #columns], iterator_types = ["reduction", "parallel"]}
      ins(%all#0 : tensor<64x64xf32>) outs(%laneZeros : tensor<64xf32>) attrs = {attn.role = "check"} {
    ^bb0(%x: f32, %old: f32):
      %nothing = arith.mulf %x, %zero : f32
      %new = arith.addf %old, %nothing : f32
      linalg.yield %new : f32
    } -> tensor<64xf32>
    %tileMemory = tensor.empty() : tensor<f32>
    %tileZero = linalg.fill {attn.role = "check"} ins(%zero : f32) outs(%tileMemory : tensor<f32>) -> tensor<f32>
    %perTile = linalg.generic {indexing_maps = [#vector, #scalar], iterator_types = ["reduction"]}
      ins(%perLane : tensor<64xf32>) outs(%tileZero : tensor<f32>) attrs = {attn.role = "check"} {
    ^bb0(%x: f32, %old: f32):
      %new = arith.addf %old, %x : f32
      linalg.yield %new : f32
    } -> tensor<f32>
    %check = tensor.extract %perTile[] : tensor<f32>
    %isBad = arith.cmpf uno, %check, %check : f32
    %done:3 = scf.if %isBad -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>) {
      %acc1 = linalg.fill {attn.role = "redo"} ins(%zero : f32) outs(%all#0 : tensor<64x64xf32>) -> tensor<64x64xf32>
      %max1 = linalg.fill {attn.role = "redo"} ins(%minusInf : f32) outs(%all#1 : tensor<64xf32>) -> tensor<64xf32>
      %sum1 = linalg.fill {attn.role = "redo"} ins(%zero : f32) outs(%all#2 : tensor<64xf32>) -> tensor<64xf32>
      %redone:3 = scf.for %j0 = %c0 to %m step %c64
          iter_args(%acc = %acc1, %max = %max1, %sum = %sum1) -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>) {
        %keys = affine.min #keysLeft()[%m, %j0]
        %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
        %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
        %next:3 = attn.online guarded ins(%qt, %kt, %vt : tensor<64x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
          offsets(%b, %h, %i0, %j0, %c0, %c0)
          outs(%acc, %max, %sum : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>)
          maps [#qTile, #kTile, #vTile, #acc, #state] exponent_scale(1.0) normalizer(#attn.softmax) plan(#plan)
        scf.yield %next#0, %next#1, %next#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
      }
      scf.yield %redone#0, %redone#1, %redone#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
    } else {
      scf.yield %all#0, %all#1, %all#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
    }

    // 4. Finish the rows that exist. The second output is scratch: 1 / sum.
    %outRows = tensor.extract_slice %o[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
    %inverseMemory = tensor.empty() : tensor<64xf32>
    %inverse = tensor.extract_slice %inverseMemory[0] [%nq] [1] : tensor<64xf32> to tensor<?xf32>
    %accRows = tensor.extract_slice %done#0[0, 0] [64, %nq] [1, 1] : tensor<64x64xf32> to tensor<64x?xf32>
    %maxRows = tensor.extract_slice %done#1[0] [%nq] [1] : tensor<64xf32> to tensor<?xf32>
    %sumRows = tensor.extract_slice %done#2[0] [%nq] [1] : tensor<64xf32> to tensor<?xf32>
    %rows:2 = attn.finalize ins(%accRows : tensor<64x?xf32>) state(%maxRows, %sumRows : tensor<?xf32>, tensor<?xf32>)
      outs(%outRows, %inverse : tensor<?x64xf32>, tensor<?xf32>) maps [#transposed, #rows, #matrix, #rows]
      normalizer(#attn.softmax)
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %rows#0 into %o[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1]
        : tensor<?x64xf32> into !bnhd
    }
  } {attn.plan = #plan}
  return %out : !bnhd
}

// CHECK-LABEL: func.func @causal(
//       CHECK:   cf.assert %{{.+}}, "'query' and 'key' agree on
//       CHECK:   cf.assert %{{.+}}, "'key' and 'value' agree on
//       CHECK:   scf.forall (%[[B:.+]], %[[H:.+]], %[[IT:.+]]) in (%{{[^)]+}})
//  CHECK-SAME:       shared_outs(%[[OUT:[^ ]+]] =
//       CHECK:     %[[I0:.+]] = affine.apply #[[$START]]()[%[[IT]]]
//       CHECK:     %[[ROWS:.+]] = affine.min #{{.+}}()[%{{.+}}, %[[IT]]]
//       CHECK:     linalg.generic {{.+}}[#[[$TRANSPOSED]], {{.+}} {{.*}}attn.role = "pack"
//       CHECK:       arith.mulf %{{.+}}, %cst{{.*}} : f32
//       CHECK:     %[[Q:.+]] = tensor.insert_slice {{.+}} into tensor<64x64xf32>
//       CHECK:     %[[VISITED:.+]] = affine.max #{{.+}}()[%{{.+}}]
//       CHECK:     %[[KEPT:.+]] = affine.max #{{.+}}()[%{{.+}}]
//       CHECK:     %[[END:.+]] = affine.apply #[[$WHOLE]]()[%[[KEPT]]]
//       CHECK:     %[[FULL:.+]]:3 = scf.for %{{.+}} = %c0 to %[[END]] step %c64
//       CHECK:       attn.online ins
//   CHECK-NOT:         mask
//       CHECK:     %[[ALL:.+]]:3 = scf.for %[[J:.+]] = %[[END]] to %[[VISITED]] step %c64
//  CHECK-SAME:         iter_args(%{{[^ ]+}} = %[[FULL]]#0,
//       CHECK:       attn.online ins({{.+}}tensor<?x64xf32>{{.+}} captures(%[[AHEAD:.+]] : index)
//  CHECK-SAME:         offsets(%[[B]], %[[H]], %[[I0]], %[[J]], %c0, %c0)
//       CHECK:         mask {
//       CHECK:         ^bb0(%[[A:.+]]: index):
//       CHECK:           %[[ROW:.+]] = attn.index 2
//       CHECK:           %[[KEY:.+]] = attn.index 3
//       CHECK:           %[[LAST:.+]] = arith.addi %[[ROW]], %[[A]]
//       CHECK:           arith.cmpi sle, %[[KEY]], %[[LAST]]
//       CHECK:     %[[DONE:.+]]:3 = scf.if
//       CHECK:       scf.for %{{.+}} = %c0 to %[[VISITED]] step %c64
//       CHECK:         attn.online guarded ins
//       CHECK:           mask {
//       CHECK:     %[[RESULT:.+]]:2 = attn.finalize
//       CHECK:     tensor.parallel_insert_slice %[[RESULT]]#0 into
//  CHECK-SAME:       %[[OUT]][%[[B]], %[[I0]], %[[H]], 0] [1, %[[ROWS]], 1, 64]
func.func @causal(%q: !bnhd {attn.name = "q"}, %k: !bnhd {attn.name = "k"}, %v: !bnhd {attn.name = "v"})
    -> (!bnhd {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %minusInf = arith.constant 0xFF800000 : f32
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
  %ahead = arith.subi %m, %n : index
  %init = tensor.empty(%batches, %n, %heads) : !bnhd
  %rowTiles = affine.apply #tiles()[%n]
  %out = scf.forall (%b, %h, %it) in (%batches, %heads, %rowTiles) shared_outs(%o = %init) -> (!bnhd) {
    %i0 = affine.apply #start()[%it]
    %nq = affine.min #rowsLeft()[%n, %it]

    // 1. Pack.
    %qRows = tensor.extract_slice %q[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
    %qMemory = tensor.empty() : tensor<64x64xf32>
    %qZeros = linalg.fill {attn.operand = 0 : i64, attn.role = "pack"}
      ins(%zero : f32) outs(%qMemory : tensor<64x64xf32>) -> tensor<64x64xf32>
    %lanes = tensor.extract_slice %qZeros[0, 0] [64, %nq] [1, 1] : tensor<64x64xf32> to tensor<64x?xf32>
    %packed = linalg.generic {indexing_maps = [#transposed, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%qRows : tensor<?x64xf32>) outs(%lanes : tensor<64x?xf32>)
      attrs = {attn.operand = 0 : i64, attn.role = "pack"} {
    ^bb0(%x: f32, %old: f32):
      %scaled = arith.mulf %x, %factor : f32
      linalg.yield %scaled : f32
    } -> tensor<64x?xf32>
    %qt = tensor.insert_slice %packed into %qZeros[0, 0] [64, %nq] [1, 1]
      : tensor<64x?xf32> into tensor<64x64xf32>

    // 2. Visit the keys. Nothing has been seen: sums are 0, the maximum is -inf.
    %visitedOrLess = affine.min #visited()[%m, %ahead, %nq, %it]
    %end = affine.max #notNegative()[%visitedOrLess]
    %keptOrLess = affine.min #kept()[%m, %ahead, %it]
    %kept = affine.max #notNegative()[%keptOrLess]
    %wholeEnd = affine.apply #whole()[%kept]
    %accMemory = tensor.empty() : tensor<64x64xf32>
    %acc0 = linalg.fill {attn.role = "init"}
      ins(%zero : f32) outs(%accMemory : tensor<64x64xf32>) -> tensor<64x64xf32>
    %maxMemory = tensor.empty() : tensor<64xf32>
    %max0 = linalg.fill {attn.role = "init"} ins(%minusInf : f32) outs(%maxMemory : tensor<64xf32>) -> tensor<64xf32>
    %sumMemory = tensor.empty() : tensor<64xf32>
    %sum0 = linalg.fill {attn.role = "init"} ins(%zero : f32) outs(%sumMemory : tensor<64xf32>) -> tensor<64xf32>
    %full:3 = scf.for %j0 = %c0 to %wholeEnd step %c64
        iter_args(%acc = %acc0, %max = %max0, %sum = %sum0) -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>) {
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<64x64xf32>
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<64x64xf32>
      %next:3 = attn.online ins(%qt, %kt, %vt : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>)
        offsets(%b, %h, %i0, %j0, %c0, %c0)
        outs(%acc, %max, %sum : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>)
        maps [#qTile, #kTile, #vTile, #acc, #state] exponent_scale(1.0) normalizer(#attn.softmax) plan(#plan)
      scf.yield %next#0, %next#1, %next#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
    }
    %all:3 = scf.for %j0 = %wholeEnd to %end step %c64
        iter_args(%acc = %full#0, %max = %full#1, %sum = %full#2)
        -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>) {
      %keys = affine.min #keysLeft()[%end, %j0]
      %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
      %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
      %next:3 = attn.online ins(%qt, %kt, %vt : tensor<64x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
        captures(%ahead : index) offsets(%b, %h, %i0, %j0, %c0, %c0)
        outs(%acc, %max, %sum : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>)
        maps [#qTile, #kTile, #vTile, #acc, #state] exponent_scale(1.0) normalizer(#attn.softmax) plan(#plan)
        mask {
        ^bb0(%a: index):
          %i = attn.index 2
          %j = attn.index 3
          %last = arith.addi %i, %a : index
          %keep = arith.cmpi sle, %j, %last : index
          attn.yield %keep : i1
        }
      scf.yield %next#0, %next#1, %next#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
    }

    // 3. Is acc finite? 0 * x is 0 for finite x and NaN for all others, and sums keep a NaN.
    %lanesMemory = tensor.empty() : tensor<64xf32>
    %laneZeros = linalg.fill {attn.role = "check"}
      ins(%zero : f32) outs(%lanesMemory : tensor<64xf32>) -> tensor<64xf32>
    %perLane = linalg.generic {indexing_maps = [#matrix, #columns], iterator_types = ["reduction", "parallel"]}
      ins(%all#0 : tensor<64x64xf32>) outs(%laneZeros : tensor<64xf32>) attrs = {attn.role = "check"} {
    ^bb0(%x: f32, %old: f32):
      %nothing = arith.mulf %x, %zero : f32
      %new = arith.addf %old, %nothing : f32
      linalg.yield %new : f32
    } -> tensor<64xf32>
    %tileMemory = tensor.empty() : tensor<f32>
    %tileZero = linalg.fill {attn.role = "check"} ins(%zero : f32) outs(%tileMemory : tensor<f32>) -> tensor<f32>
    %perTile = linalg.generic {indexing_maps = [#vector, #scalar], iterator_types = ["reduction"]}
      ins(%perLane : tensor<64xf32>) outs(%tileZero : tensor<f32>) attrs = {attn.role = "check"} {
    ^bb0(%x: f32, %old: f32):
      %new = arith.addf %old, %x : f32
      linalg.yield %new : f32
    } -> tensor<f32>
    %check = tensor.extract %perTile[] : tensor<f32>
    %isBad = arith.cmpf uno, %check, %check : f32
    %done:3 = scf.if %isBad -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>) {
      %acc1 = linalg.fill {attn.role = "redo"} ins(%zero : f32) outs(%all#0 : tensor<64x64xf32>) -> tensor<64x64xf32>
      %max1 = linalg.fill {attn.role = "redo"} ins(%minusInf : f32) outs(%all#1 : tensor<64xf32>) -> tensor<64xf32>
      %sum1 = linalg.fill {attn.role = "redo"} ins(%zero : f32) outs(%all#2 : tensor<64xf32>) -> tensor<64xf32>
      %redone:3 = scf.for %j0 = %c0 to %end step %c64
          iter_args(%acc = %acc1, %max = %max1, %sum = %sum1) -> (tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>) {
        %keys = affine.min #keysLeft()[%end, %j0]
        %kt = tensor.extract_slice %k[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
        %vt = tensor.extract_slice %v[%b, %j0, %h, 0] [1, %keys, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
        %next:3 = attn.online guarded ins(%qt, %kt, %vt : tensor<64x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
          captures(%ahead : index) offsets(%b, %h, %i0, %j0, %c0, %c0)
          outs(%acc, %max, %sum : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>)
          maps [#qTile, #kTile, #vTile, #acc, #state] exponent_scale(1.0) normalizer(#attn.softmax) plan(#plan)
          mask {
          ^bb0(%a: index):
            %i = attn.index 2
            %j = attn.index 3
            %last = arith.addi %i, %a : index
            %keep = arith.cmpi sle, %j, %last : index
            attn.yield %keep : i1
          }
        scf.yield %next#0, %next#1, %next#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
      }
      scf.yield %redone#0, %redone#1, %redone#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
    } else {
      scf.yield %all#0, %all#1, %all#2 : tensor<64x64xf32>, tensor<64xf32>, tensor<64xf32>
    }

    // 4. Finish the rows that exist. The second output is scratch: 1 / sum.
    %outRows = tensor.extract_slice %o[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1] : !bnhd to tensor<?x64xf32>
    %inverseMemory = tensor.empty() : tensor<64xf32>
    %inverse = tensor.extract_slice %inverseMemory[0] [%nq] [1] : tensor<64xf32> to tensor<?xf32>
    %accRows = tensor.extract_slice %done#0[0, 0] [64, %nq] [1, 1] : tensor<64x64xf32> to tensor<64x?xf32>
    %maxRows = tensor.extract_slice %done#1[0] [%nq] [1] : tensor<64xf32> to tensor<?xf32>
    %sumRows = tensor.extract_slice %done#2[0] [%nq] [1] : tensor<64xf32> to tensor<?xf32>
    %rows:2 = attn.finalize ins(%accRows : tensor<64x?xf32>) state(%maxRows, %sumRows : tensor<?xf32>, tensor<?xf32>)
      outs(%outRows, %inverse : tensor<?x64xf32>, tensor<?xf32>) maps [#transposed, #rows, #matrix, #rows]
      normalizer(#attn.softmax)
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %rows#0 into %o[%b, %i0, %h, 0] [1, %nq, 1, 64] [1, 1, 1, 1]
        : tensor<?x64xf32> into !bnhd
    }
  } {attn.plan = #plan}
  return %out : !bnhd
}
