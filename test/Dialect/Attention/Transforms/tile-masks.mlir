// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-and-fuse,canonicalize,cse))' -split-input-file | FileCheck %s -enable-var-scope
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-and-fuse))' --remarks-filter-missed=tile-and-fuse --remark-policy=all -split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Loops over key tiles as masks make them, beyond what tile-and-fuse.mlir shows.

// Keys before 2 and a causal window: two runs of keys, each with its loops in key order. All rows of a tile keep the
// keys before 2, but in the first tile, whose first row does not see key 1.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 4, lanes = 8, register_tile = [4, 2]>

//   CHECK-DAG: #[[$WINDOW:.+]] = affine_map<()[s0, s1] -> (0, s1 * 16 - 4, s0)>
// CHECK-LABEL: func.func @sink_and_window
//       CHECK:   scf.forall (%[[IT:.+]]) in
//       CHECK:     %[[START:.+]] = affine.max #[[$WINDOW]]()[%[[SINK:.+]], %[[IT]]]
//       CHECK:     scf.for %{{.+}} = %c0 to %[[FULL:.+]] step %c4
//       CHECK:       attn.online
//   CHECK-NOT:       mask {
//       CHECK:     scf.for %{{.+}} = %[[FULL]] to %[[SINKEND:[^ ]+]] step %c4
//       CHECK:       attn.online {{.+}} mask {
//       CHECK:     scf.for %{{.+}} = %[[START]] to
//       CHECK:       attn.online {{.+}} mask {
//       CHECK:     scf.for
//       CHECK:       attn.online
//   CHECK-NOT:       mask {
//       CHECK:     scf.for %{{.+}} to %[[END:[^ ]+]] step %c4
//       CHECK:       attn.online {{.+}} mask {
//       CHECK:     scf.if
//       CHECK:       attn.online guarded {{.+}} mask {
func.func @sink_and_window(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>,
                           %o: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
      %c2 = arith.constant 2 : index
      %c5 = arith.constant 5 : index
      %i = attn.index 0
      %j = attn.index 1
      %sink = arith.cmpi slt, %j, %c2 : index
      %distance = arith.subi %i, %j : index
      %near = arith.cmpi slt, %distance, %c5 : index
      %past = arith.cmpi sle, %j, %i : index
      %either = arith.ori %sink, %near : i1
      %keep = arith.andi %either, %past : i1
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// Every hundredth key: of 16 keys most hold none. One loop over key tiles from the first to the last, with a test in
// front of each; no tile is without masked keys, so none goes without mask.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 16, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @holes_are_tested
//       CHECK:   scf.forall
//       CHECK:     scf.for %[[J:.+]] = %c0 to %{{.+}} step %c16
//       CHECK:       %[[DISTANCE:.+]] = affine.min #{{.+}}()[%[[J]], %{{.+}}]
//       CHECK:       %[[NEAR:.+]] = arith.cmpi sge, %[[DISTANCE]], %c0
//       CHECK:       %[[VISIT:.+]] = arith.andi %{{.+}}, %[[NEAR]]
//       CHECK:       scf.if %[[VISIT]]
//       CHECK:         attn.online {{.+}} mask {
//       CHECK:       } else {
//   CHECK-NOT:         attn.online
//       CHECK:         scf.yield
//       CHECK:     scf.if
//       CHECK:       attn.online guarded
func.func @holes_are_tested(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>,
                            %o: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
      %c100 = arith.constant 100 : index
      %c0 = arith.constant 0 : index
      %j = attn.index 1
      %rest = arith.remui %j, %c100 : index
      %keep = arith.cmpi eq, %rest, %c0 : index
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// A length for each batch, from memory: it is read once for a row tile, outside of the loops, and no key needs the mask.

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#b = affine_map<(b, i, j, d, e) -> (b)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @length_by_batch_needs_no_mask
//  CHECK-SAME:   %[[LENGTHS:[^ ]+]]: tensor<7xi32>
//       CHECK:   scf.forall (%[[B:.+]], %{{.+}}) in (7,
//       CHECK:     %[[LENGTH:.+]] = tensor.extract %[[LENGTHS]][%[[B]]]
//       CHECK:     %[[END:.+]] = arith.index_cast %[[LENGTH]]
//       CHECK:     affine.min #{{.+}}()[%[[END]], %{{.+}}]
//   CHECK-NOT:   mask
//       CHECK:   return
func.func @length_by_batch_needs_no_mask(%q: tensor<7x?x4xf32>, %k: tensor<7x?x4xf32>, %v: tensor<7x?x3xf32>,
                                         %o: tensor<7x?x3xf32>, %lengths: tensor<7xi32>) -> tensor<7x?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<7x?x4xf32>, tensor<7x?x4xf32>, tensor<7x?x3xf32>)
    mask_ins(%lengths : tensor<7xi32>)
    outs(out %o : tensor<7x?x3xf32>) maps [#q, #k, #v, #b, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
    ^bb0(%length: i32):
      %j = attn.index 2
      %end = arith.index_cast %length : i32 to index
      %keep = arith.cmpi slt, %j, %end : index
      attn.yield %keep : i1
    }
  return %0 : tensor<7x?x3xf32>
}

// -----

// What a float operand says of a pair is unknown, and keeps unknown keys, of which a causal mask still drops those behind
// the diagonal. The remark names the op.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#y = affine_map<(i, j, d, e) -> (j)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @unknown_and_causal
//       CHECK:     %[[END:.+]] = affine.min #{{.+}}()[%{{.+}}, %{{.+}}, %{{.+}}]
//       CHECK:     scf.for %{{.+}} = %c0 to %[[END]] step %c12
//   CHECK-NOT:       scf.if
//       CHECK:       attn.online {{.+}} mask {
//   CHECK-NOT:     attn.online ins
//       CHECK:     attn.online guarded ins

// REMARK: :[[#@LINE+11]]:15: remark: [Missed] tile-and-fuse
// REMARK-SAME: Reason="the mask is not affine in row and key: arith.cmpf
// REMARK-SAME: Suggestion="without it, fewer key tiles may be visited
func.func @unknown_and_causal(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %y: tensor<?xf32>,
                              %o: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    mask_ins(%y : tensor<?xf32>)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #y, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
    ^bb0(%z: f32):
      %zero = arith.constant 0.0 : f32
      %some = arith.cmpf ogt, %z, %zero : f32
      %i = attn.index 0
      %j = attn.index 1
      %past = arith.cmpi sle, %j, %i : index
      %keep = arith.andi %some, %past : i1
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// Packed documents. The range of the rows' ids is looked for once a row tile, that of the keys' ids in front of each key
// tile. A tile whose ranges do not meet is skipped; one that holds a single document runs without mask.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#x = affine_map<(i, j, d, e) -> (i)>
#y = affine_map<(i, j, d, e) -> (j)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @documents_are_classified
//  CHECK-SAME:   %[[X:[^ ]+]]: tensor<?xi32>, %[[Y:[^ ]+]]: tensor<?xi32>
//       CHECK:   scf.forall
//       CHECK:     %[[ROWS:.+]]:2 = scf.for %[[I:.+]] = %{{.+}} to %{{.+}} step %c1
//       CHECK:       %[[ID:.+]] = tensor.extract %[[X]][%[[I]]]
//   CHECK-DAG:       arith.minsi %{{.+}}, %[[ID]]
//   CHECK-DAG:       arith.maxsi %{{.+}}, %[[ID]]
//   CHECK-DAG:     %[[ROWSMIN:.+]] = arith.index_cast %[[ROWS]]#0
//   CHECK-DAG:     %[[ROWSMAX:.+]] = arith.index_cast %[[ROWS]]#1
//       CHECK:     scf.for %[[START:.+]] = %c0 to %{{.+}} step %c12
//       CHECK:       %[[COUNT:.+]] = affine.min
//       CHECK:       %[[KEYS:.+]]:2 = scf.for %[[J:.+]] = %[[START]] to %{{.+}} step %c1
//       CHECK:         tensor.extract %[[Y]][%[[J]]]
//   CHECK-DAG:       %[[KEYSMIN:.+]] = arith.index_cast %[[KEYS]]#0
//   CHECK-DAG:       %[[KEYSMAX:.+]] = arith.index_cast %[[KEYS]]#1
//   CHECK-DAG:       %[[BELOW:.+]] = arith.cmpi sle, %[[ROWSMIN]], %[[KEYSMAX]]
//   CHECK-DAG:       %[[ABOVE:.+]] = arith.cmpi sle, %[[KEYSMIN]], %[[ROWSMAX]]
//       CHECK:       %[[POSSIBLE:.+]] = arith.andi %[[BELOW]], %[[ABOVE]]
//       CHECK:       %[[ALWAYS:.+]] = arith.andi
//       CHECK:       scf.if %[[POSSIBLE]]
//       CHECK:         %[[WHOLE:.+]] = arith.cmpi eq, %[[COUNT]], %c12
//       CHECK:         %[[FULL:.+]] = arith.andi %[[WHOLE]], %[[ALWAYS]]
//       CHECK:         scf.if %[[FULL]]
//   CHECK-NOT:           mask
//       CHECK:           attn.online ins(%{{.+}}, %{{.+}}, %{{.+}} : {{.+}}) offsets
//   CHECK-NOT:           mask
//       CHECK:         } else {
//       CHECK:           attn.online {{.+}} mask {
//       CHECK:       } else {
//   CHECK-NOT:         attn.online
//       CHECK:         scf.yield
//       CHECK:     attn.online guarded ins

// REMARK: remark: [Missed] tile-and-fuse
// REMARK-SAME: Reason="the mask is not affine in row and key: mask operand 0
// REMARK-SAME: Suggestion="its range on each tile decides at run time
// REMARK: remark: [Missed] tile-and-fuse
// REMARK-SAME: Reason="the mask is not affine in row and key: mask operand 1
func.func @documents_are_classified(%x: tensor<?xi32>, %y: tensor<?xi32>, %q: tensor<?x4xf32>, %k: tensor<?x4xf32>,
                                    %v: tensor<?x3xf32>, %o: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    mask_ins(%x, %y : tensor<?xi32>, tensor<?xi32>)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #x, #y, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
    ^bb0(%rowid: i32, %keyid: i32):
      %keep = arith.cmpi eq, %rowid, %keyid : i32
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// Parity under a causal mask: the remark names the exclusive or, whose range is known by the bits that rows and keys of
// a tile have in common.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @parity_and_causal
//       CHECK:     %[[END:.+]] = affine.min #{{.+}}()[%{{.+}}, %{{.+}}, %{{.+}}]
//       CHECK:     scf.for %{{.+}} = %c0 to %[[END]] step %c12
//   CHECK-NOT:       tensor.extract
//       CHECK:       arith.xori
//       CHECK:       scf.if
//       CHECK:         scf.if
//       CHECK:           attn.online {{.+}} mask {
//       CHECK:     attn.online guarded ins

// REMARK: remark: [Missed] tile-and-fuse
// REMARK-SAME: Reason="the mask is not affine in row and key: arith.xori
func.func @parity_and_causal(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>,
                             %o: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
      %c1 = arith.constant 1 : index
      %c0 = arith.constant 0 : index
      %i = attn.index 0
      %j = attn.index 1
      %bits = arith.xori %i, %j : index
      %odd = arith.andi %bits, %c1 : index
      %same = arith.cmpi eq, %odd, %c0 : index
      %past = arith.cmpi sle, %j, %i : index
      %keep = arith.andi %same, %past : i1
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// A scalar of 64 bits that is added to a position might overflow. Within 2^40 the loops are those of the formulas; beyond
// that the loops without mask are empty, and the one with mask visits all keys.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

//   CHECK-DAG: #[[$ROOM:.+]] = affine_map<()[s0] -> (-s0 + 1099511627776, s0 + 1099511627776)>
// CHECK-LABEL: func.func @far_scalars_visit_all
//  CHECK-SAME:   %[[AHEAD:[^ ]+]]: index
//       CHECK:     %[[M:.+]] = tensor.dim %arg1
//       CHECK:     %[[LOW:.+]] = arith.maxsi %[[AHEAD]], %c-2199023255552
//       CHECK:     %[[NEAR:.+]] = arith.minsi %[[LOW]], %c2199023255552
//       CHECK:     %[[ROOM:.+]] = affine.min #[[$ROOM]]()[%[[NEAR]]]
//       CHECK:     %[[INSIDE:.+]] = arith.cmpi sge, %[[ROOM]], %c0
//       CHECK:     %[[FULL:.+]] = arith.select %[[INSIDE]], %{{.+}}, %c0
//       CHECK:     %[[END:.+]] = arith.select %[[INSIDE]], %{{.+}}, %[[M]]
//       CHECK:     scf.for %{{.+}} = %c0 to %[[FULL]] step %c12
//   CHECK-NOT:       mask
//       CHECK:     scf.for %{{.+}} = %[[FULL]] to %[[END]] step %c12
//       CHECK:       attn.online {{.+}} mask {
func.func @far_scalars_visit_all(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %o: tensor<?x3xf32>,
                                 %ahead: index) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    captures(%ahead : index) outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    {attn.plan = #plan}
    mask {
    ^bb0(%a: index):
      %i = attn.index 0
      %j = attn.index 1
      %last = arith.addi %i, %a : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}
