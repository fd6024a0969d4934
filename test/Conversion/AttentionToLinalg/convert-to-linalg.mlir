// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-convert-to-linalg))' -split-input-file | FileCheck %s -enable-var-scope

#q = affine_map<(i, j, d, e) -> (d, i)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#acc = affine_map<(i, j, d, e) -> (e, i)>
#row = affine_map<(i, j, d, e) -> (i)>

// Rows minor: scores are [keys, rows], loops are the output's dimensions and then the reduction. There is nothing to do to
// the scores, so only their maximum is taken; the state is one op with three results; the rescale of acc stands directly
// before the reduction into the same destination.

//   CHECK-DAG: #[[$JI_D_K:.+]] = affine_map<(d0, d1, d2) -> (d0, d2)>
//   CHECK-DAG: #[[$JI_D_Q:.+]] = affine_map<(d0, d1, d2) -> (d2, d1)>
//   CHECK-DAG: #[[$PAIR:.+]] = affine_map<(d0, d1, d2) -> (d0, d1)>
//   CHECK-DAG: #[[$ALL:.+]] = affine_map<(d0, d1) -> (d0, d1)>
//   CHECK-DAG: #[[$LANE:.+]] = affine_map<(d0, d1) -> (d1)>
//   CHECK-DAG: #[[$EIJ_V:.+]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-LABEL: func.func @online_dense
//  CHECK-SAME:   %[[Q:[^ :]+]]: tensor<8x64xf32>, %[[K:[^ :]+]]: tensor<16x8xf32>, %[[V:[^ :]+]]: tensor<16x4xf32>,
//  CHECK-SAME:   %[[ACC:[^ :]+]]: tensor<4x64xf32>, %[[M:[^ :]+]]: tensor<64xf32>, %[[L:[^ :]+]]: tensor<64xf32>
//       CHECK:   %[[EMPTY:.+]] = tensor.empty() : tensor<16x64xf32>
//       CHECK:   %[[S0:.+]] = linalg.fill {attn.role = "qk"} {{.*}} outs(%[[EMPTY]]
//       CHECK:   %[[S:.+]] = linalg.generic {indexing_maps = [#[[$JI_D_K]], #[[$JI_D_Q]], #[[$PAIR]]],
//  CHECK-SAME:     iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[K]], %[[Q]] {{.*}} outs(%[[S0]] {{.*}} attrs = {attn.role = "qk"}
//       CHECK:     arith.mulf {{.*}} fastmath<contract>
//       CHECK:     arith.addf {{.*}} fastmath<contract>
//       CHECK:   %[[TM:.+]] = linalg.generic {indexing_maps = [#[[$ALL]], #[[$LANE]]], iterator_types = ["reduction", "parallel"]}
//  CHECK-SAME:     ins(%[[S]] {{.*}} attrs = {attn.role = "softmax"}
//       CHECK:     %[[GT:.+]] = arith.cmpf ogt, %[[X:.+]], %[[T:.+]] : f32
//       CHECK:     arith.select %[[GT]], %[[X]], %[[T]]
//       CHECK:   %[[STATE:.+]]:3 = linalg.generic {{.*}} iterator_types = ["parallel"]} ins(%[[TM]] {{.*}} outs(%[[M]], %[[L]], %{{.+}} {{.*}} attrs = {attn.role = "softmax"}
//       CHECK:     math.exp2
//       CHECK:   %[[P:.+]]:2 = linalg.generic {indexing_maps = [#[[$LANE]], #[[$ALL]], #[[$LANE]]], iterator_types = ["reduction", "parallel"]}
//  CHECK-SAME:     ins(%[[STATE]]#0 {{.*}} outs(%[[S]], %[[STATE]]#1 {{.*}} attrs = {attn.role = "softmax"}
//       CHECK:     math.exp2
//   CHECK-NOT:     fastmath
//       CHECK:   %[[A1:.+]] = linalg.generic {{.*}} ins(%[[STATE]]#2 {{.*}} outs(%[[ACC]] {{.*}} attrs = {attn.role = "rescale"}
//       CHECK:   %[[A2:.+]] = linalg.generic {indexing_maps = [#[[$EIJ_V]], #[[$JI_D_Q]], #[[$PAIR]]],
//  CHECK-SAME:     iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[V]], %[[P]]#0 {{.*}} outs(%[[A1]] {{.*}} attrs = {attn.role = "pv"}
//       CHECK:   return %[[A2]], %[[STATE]]#0, %[[P]]#1
func.func @online_dense(%q: tensor<8x64xf32>, %k: tensor<16x8xf32>, %v: tensor<16x4xf32>, %acc: tensor<4x64xf32>,
                        %m: tensor<64xf32>, %l: tensor<64xf32>) -> (tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>) {
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x64xf32>, tensor<16x8xf32>, tensor<16x4xf32>)
    outs(%acc, %m, %l : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
    maps [#q, #k, #v, #acc, #row] exponent_scale(1.000000e+00) normalizer(#attn.softmax)
  return %r#0, %r#1, %r#2 : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

#q = affine_map<(b, i, j, d, e) -> (d, i)>
#k = affine_map<(b, i, j, d, e) -> (j, d)>
#v = affine_map<(b, i, j, d, e) -> (j, e)>
#bias = affine_map<(b, i, j, d, e) -> (i, j)>
#slope = affine_map<(b, i, j, d, e) -> (b)>
#acc = affine_map<(b, i, j, d, e) -> (e, i)>
#row = affine_map<(b, i, j, d, e) -> (i)>

// The scratch has the plan's 32 keys and the tile uses a slice of it. Positions are those of the whole problem: loop
// index plus offset for rows and keys, the offset alone for the fixed loop b. The bias, over (i, j), is read across; the
// slope loses its fixed dimension.

//   CHECK-DAG: #[[$ACROSS:.+]] = affine_map<(d0, d1) -> (d1, d0)>
//   CHECK-DAG: #[[$NONE:.+]] = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: func.func @online_masked_tail
//  CHECK-SAME:   %[[BIAS:[^ :]+]]: tensor<64x?xf32>, %[[SLOPE:[^ :]+]]: tensor<1xf32>,
//  CHECK-SAME:   %[[LENGTH:[^ :]+]]: index, %[[B:[^ :]+]]: index, %[[I0:[^ :]+]]: index, %[[J0:[^ :]+]]: index
//       CHECK:   scf.forall
//       CHECK:     %[[NB:.+]] = tensor.dim
//       CHECK:     %[[EMPTY:.+]] = tensor.empty() : tensor<32x64xf32>
//       CHECK:     %[[SLICE:.+]] = tensor.extract_slice %[[EMPTY]][0, 0] [%[[NB]], 64] [1, 1]
//       CHECK:     linalg.fill {attn.role = "qk"} {{.*}} outs(%[[SLICE]]
//       CHECK:     linalg.generic {{.*}} attrs = {attn.role = "qk"}
//       CHECK:     %[[SLOPE0:.+]] = tensor.extract_slice %[[SLOPE]][0] [1] [1] : tensor<1xf32> to tensor<f32>
//       CHECK:     linalg.generic {indexing_maps = [#[[$ACROSS]], #[[$NONE]],
//  CHECK-SAME:       iterator_types = ["reduction", "parallel"]} ins(%[[BIAS]], %[[SLOPE0]] {{.*}} attrs = {attn.role = "softmax"}
//  CHECK-NEXT:       ^bb0(%[[BIAS_IJ:.+]]: f32, %[[SLOPE_B:.+]]: f32, %[[S:.+]]: f32, %[[TM:.+]]: f32):
//       CHECK:         %[[SCALED:.+]] = arith.mulf %[[S]], %{{.+}} : f32
//       CHECK:         %[[J:.+]] = linalg.index 0
//       CHECK:         %[[JG:.+]] = arith.addi %[[J]], %[[J0]]
//       CHECK:         arith.index_cast %[[JG]]
//       CHECK:         %[[SUM:.+]] = arith.addf %[[SCALED]], %[[BIAS_IJ]]
//       CHECK:         %[[LOGIT:.+]] = arith.addf %[[SUM]],
//       CHECK:         %[[BASE2:.+]] = arith.mulf %[[LOGIT]],
//       CHECK:         %[[I:.+]] = linalg.index 1
//       CHECK:         arith.addi %[[I]], %[[I0]]
//       CHECK:         arith.cmpi slt, %[[B]], %[[LENGTH]]
//       CHECK:         %[[KEPT:.+]] = arith.select %{{.+}}, %[[BASE2]], %{{.+}} : f32
//       CHECK:         %[[GT:.+]] = arith.cmpf ogt, %[[KEPT]], %[[TM]]
//       CHECK:         linalg.yield %[[KEPT]], %{{.+}}
func.func @online_masked_tail(%bias: tensor<64x?xf32>, %slope: tensor<1xf32>, %length: index, %b: index, %i0: index, %j0: index,
                              %q: tensor<8x64xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %out: tensor<4x64xf32>,
                              %m: tensor<64xf32>, %l: tensor<64xf32>) -> tensor<4x64xf32> {
  %zero = arith.constant 0 : index
  %r = scf.forall (%t) in (1) shared_outs(%o = %out) -> tensor<4x64xf32> {
    %acc:3 = attn.online ins(%q, %k, %v : tensor<8x64xf32>, tensor<?x8xf32>, tensor<?x4xf32>)
      score_ins(%bias, %slope : tensor<64x?xf32>, tensor<1xf32>) captures(%length : index)
      offsets(%b, %i0, %j0, %zero, %zero)
      outs(%out, %m, %l : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
      maps [#q, #k, #v, #bias, #slope, #acc, #row] scale(2.500000e-01) exponent_scale(1.4426950408889634)
      normalizer(#attn.softmax)
      score {
      ^bb0(%s: f32, %x: f32, %y: f32, %n: index):
        %j = attn.index 2
        %j32 = arith.index_cast %j : index to i32
        %jf = arith.sitofp %j32 : i32 to f32
        %z = arith.mulf %y, %jf : f32
        %sx = arith.addf %s, %x : f32
        %sz = arith.addf %sx, %z : f32
        attn.yield %sz : f32
      } mask {
      ^bb0(%n: index):
        %i = attn.index 1
        %j = attn.index 2
        %p = attn.index 0
        %causal = arith.cmpi sle, %j, %i : index
        %short = arith.cmpi slt, %p, %n : index
        %keep = arith.andi %causal, %short : i1
        attn.yield %keep : i1
      }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %acc#0 into %o[0, 0] [4, 64] [1, 1] : tensor<4x64xf32> into tensor<4x64xf32>
    }
  } {attn.plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>}
  return %r : tensor<4x64xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (d, i)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#acc = affine_map<(i, j, d, e) -> (e, i)>
#row = affine_map<(i, j, d, e) -> (i)>

// Guarded: a key that is not kept has p = -1 and its value row is selected away, never multiplied. 16-bit keys and values
// are extended where they are read; sums stay in f32.

// CHECK-LABEL: func.func @online_guarded_bf16
//       CHECK:   linalg.generic {{.*}} attrs = {attn.role = "qk"}
//       CHECK:     arith.extf %{{.+}} : bf16 to f32
//       CHECK:     math.exp2
//       CHECK:     %[[P:.+]] = math.exp2
//       CHECK:     %[[MASKED:.+]] = arith.cmpf oeq
//       CHECK:     %[[TERM:.+]] = arith.select %[[MASKED]], %{{.+}}, %[[P]]
//       CHECK:     %[[SUM:.+]] = arith.addf %{{.+}}, %[[TERM]]
//       CHECK:     %[[MARKED:.+]] = arith.select %[[MASKED]], %{{.+}}, %[[TERM]]
//       CHECK:     linalg.yield %[[MARKED]], %[[SUM]]
//       CHECK:   linalg.generic {{.*}} attrs = {attn.role = "pv"}
//  CHECK-NEXT:   ^bb0(%[[V:.+]]: bf16, %[[W:.+]]: f32, %[[OLD:.+]]: f32):
//       CHECK:     arith.extf %[[V]]
//       CHECK:     %[[NEW:.+]] = arith.addf %[[OLD]],
//       CHECK:     %[[SKIP:.+]] = arith.cmpf oeq, %[[W]], %{{.+}} : f32
//       CHECK:     arith.select %[[SKIP]], %[[OLD]], %[[NEW]]
func.func @online_guarded_bf16(%q: tensor<8x64xf32>, %k: tensor<1x8xbf16>, %v: tensor<1x4xbf16>, %acc: tensor<4x64xf32>,
                               %m: tensor<64xf32>, %l: tensor<64xf32>) -> tensor<4x64xf32> {
  %r:3 = attn.online guarded ins(%q, %k, %v : tensor<8x64xf32>, tensor<1x8xbf16>, tensor<1x4xbf16>)
    outs(%acc, %m, %l : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
    maps [#q, #k, #v, #acc, #row] exponent_scale(1.000000e+00) normalizer(#attn.softmax)
  return %r#0 : tensor<4x64xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (d, i)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#w = affine_map<(i, j, d, e) -> (d)>
#acc = affine_map<(i, j, d, e) -> (e, i)>
#row = affine_map<(i, j, d, e) -> (i)>

// Additive attention: tanh(q + k) is 1 - 2 / (1 + e^2q e^2k). Exponentials are taken once for each row of Q and of K, NaN
// where two of them could overflow; scores begin with the sum of w, and a term adds -2 w / (1 + e^2q e^2k).

// CHECK-LABEL: func.func @online_additive
//  CHECK-SAME:   %[[W:[^ :]+]]: tensor<8xf32>, %[[Q:[^ :]+]]: tensor<8x64xf32>, %[[K:[^ :]+]]: tensor<16x8xf32>
//   CHECK-NOT:   math.tanh
//       CHECK:   %[[EQ:.+]] = linalg.generic {{.*}} ins(%[[Q]] : {{.*}} attrs = {attn.role = "qk"}
//       CHECK:     %[[EXP:.+]] = math.exp2
//       CHECK:     %[[FACTOR:.+]] = math.fma %{{.+}}, %[[EXP]], %[[EXP]]
//       CHECK:     %[[SMALL:.+]] = arith.cmpf olt, %[[FACTOR]],
//       CHECK:     arith.select %[[SMALL]], %[[FACTOR]],
//       CHECK:   %[[EK:.+]] = linalg.generic {{.*}} ins(%[[K]] : {{.*}} attrs = {attn.role = "qk"}
//       CHECK:   %[[TOTAL:.+]] = linalg.generic {{.*}} iterator_types = ["reduction"]} ins(%[[W]] : tensor<8xf32>) outs(%{{.+}} : tensor<f32>)
//       CHECK:   %[[START:.+]] = linalg.generic {{.*}} ins(%[[TOTAL]] : tensor<f32>) outs(%{{.+}} : tensor<16x64xf32>)
//       CHECK:   linalg.generic {{.*}} ins(%[[EK]], %[[EQ]], %[[W]] {{.*}} outs(%[[START]] {{.*}} attrs = {attn.role = "qk"}
//  CHECK-NEXT:   ^bb0(%[[A:.+]]: f32, %[[B:.+]]: f32, %[[X:.+]]: f32, %[[SUM:.+]]: f32):
//       CHECK:     %[[AB:.+]] = arith.mulf %[[A]], %[[B]] fastmath<contract>
//       CHECK:     %[[MORE:.+]] = arith.addf %[[AB]], %{{.+}} fastmath<contract>
//       CHECK:     %[[INVERSE:.+]] = arith.divf %{{.+}}, %[[MORE]] fastmath<arcp>
//       CHECK:     %[[TWICE:.+]] = arith.mulf %{{.+}}, %[[X]]
//       CHECK:     %[[TERM:.+]] = arith.mulf %[[TWICE]], %[[INVERSE]] fastmath<contract>
//       CHECK:     arith.addf %[[SUM]], %[[TERM]] fastmath<contract>
func.func @online_additive(%w: tensor<8xf32>, %q: tensor<8x64xf32>, %k: tensor<16x8xf32>, %v: tensor<16x4xf32>,
                           %acc: tensor<4x64xf32>, %m: tensor<64xf32>, %l: tensor<64xf32>) -> tensor<4x64xf32> {
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x64xf32>, tensor<16x8xf32>, tensor<16x4xf32>)
    similarity_ins(%w : tensor<8xf32>)
    outs(%acc, %m, %l : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
    maps [#q, #k, #v, #w, #acc, #row] exponent_scale(1.4426950408889634) normalizer(#attn.softmax)
    similarity {
    ^bb0(%a: f32, %b: f32, %x: f32):
      %sum = arith.addf %a, %b : f32
      %t = math.tanh %sum : f32
      %y = arith.mulf %t, %x : f32
      attn.yield %y : f32
    }
  return %r#0 : tensor<4x64xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (d, i)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#w = affine_map<(i, j, d, e) -> (d)>
#wi = affine_map<(i, j, d, e) -> (d, i)>
#acc = affine_map<(i, j, d, e) -> (e, i)>
#row = affine_map<(i, j, d, e) -> (i)>

// Guarded, and where w is not the same for all rows, the similarity region stands in the place of the product.

// CHECK-LABEL: func.func @online_additive_guarded
//  CHECK-SAME:   %[[W:[^ :]+]]: tensor<8xf32>
//   CHECK-NOT:   math.exp2
//       CHECK:   linalg.generic {{.*}} ins(%{{.+}}, %{{.+}}, %[[W]] {{.*}} attrs = {attn.role = "qk"}
//  CHECK-NEXT:   ^bb0(%[[K:.+]]: f32, %[[Q:.+]]: f32, %[[X:.+]]: f32, %[[SUM:.+]]: f32):
//       CHECK:     %[[ADD:.+]] = arith.addf %[[Q]], %[[K]]
//       CHECK:     %[[TANH:.+]] = math.tanh %[[ADD]]
//       CHECK:     %[[TERM:.+]] = arith.mulf %[[TANH]], %[[X]] fastmath<contract>
//       CHECK:     arith.addf %[[SUM]], %[[TERM]] fastmath<contract>
func.func @online_additive_guarded(%w: tensor<8xf32>, %q: tensor<8x64xf32>, %k: tensor<1x8xf32>, %v: tensor<1x4xf32>,
                                   %acc: tensor<4x64xf32>, %m: tensor<64xf32>, %l: tensor<64xf32>) -> tensor<4x64xf32> {
  %r:3 = attn.online guarded ins(%q, %k, %v : tensor<8x64xf32>, tensor<1x8xf32>, tensor<1x4xf32>)
    similarity_ins(%w : tensor<8xf32>)
    outs(%acc, %m, %l : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
    maps [#q, #k, #v, #w, #acc, #row] exponent_scale(1.4426950408889634) normalizer(#attn.softmax)
    similarity {
    ^bb0(%a: f32, %b: f32, %x: f32):
      %sum = arith.addf %a, %b : f32
      %t = math.tanh %sum : f32
      %y = arith.mulf %t, %x : f32
      attn.yield %y : f32
    }
  return %r#0 : tensor<4x64xf32>
}

// CHECK-LABEL: func.func @online_additive_by_row
//       CHECK:   math.tanh
func.func @online_additive_by_row(%w: tensor<8x64xf32>, %q: tensor<8x64xf32>, %k: tensor<16x8xf32>,
                                  %v: tensor<16x4xf32>, %acc: tensor<4x64xf32>, %m: tensor<64xf32>,
                                  %l: tensor<64xf32>) -> tensor<4x64xf32> {
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x64xf32>, tensor<16x8xf32>, tensor<16x4xf32>)
    similarity_ins(%w : tensor<8x64xf32>)
    outs(%acc, %m, %l : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
    maps [#q, #k, #v, #wi, #acc, #row] exponent_scale(1.4426950408889634) normalizer(#attn.softmax)
    similarity {
    ^bb0(%a: f32, %b: f32, %x: f32):
      %sum = arith.addf %a, %b : f32
      %t = math.tanh %sum : f32
      %y = arith.mulf %t, %x : f32
      attn.yield %y : f32
    }
  return %r#0 : tensor<4x64xf32>
}

// -----

#acc = affine_map<(i, e) -> (e, i)>
#row = affine_map<(i, e) -> (i)>
#out = affine_map<(i, e) -> (i, e)>

// A row without keys has l = 0: factor 0, out 0 whatever stands in acc, lse = -inf. A NaN in l reaches every result.

// CHECK-LABEL: func.func @finalize
//  CHECK-SAME:   %[[ACC:[^ :]+]]: tensor<4x64xf32>, %[[M:[^ :]+]]: tensor<64xf32>, %[[L:[^ :]+]]: tensor<64xf32>
//       CHECK:   %[[F:.+]] = linalg.generic {{.*}} ins(%[[M]], %[[L]] {{.*}} attrs = {attn.role = "finalize"}
//       CHECK:     arith.cmpf oeq
//       CHECK:     arith.divf
//       CHECK:     arith.select
//       CHECK:   %[[OUT:.+]] = linalg.generic {{.*}} ins(%[[ACC]], %[[F]] {{.*}} outs({{.*}} tensor<64x4xbf16>) attrs = {attn.role = "unpack"}
//       CHECK:     arith.truncf %{{.+}} : f32 to bf16
//       CHECK:   %[[LSE:.+]] = linalg.generic {{.*}} ins(%[[M]], %[[L]] {{.*}} attrs = {attn.role = "finalize"}
//       CHECK:     math.log2
//       CHECK:   %[[MAX:.+]] = linalg.generic {{.*}} ins(%[[M]], %[[L]] {{.*}} attrs = {attn.role = "finalize"}
//       CHECK:   return %[[OUT]], %[[LSE]], %[[MAX]], %[[F]]
func.func @finalize(%acc: tensor<4x64xf32>, %m: tensor<64xf32>, %l: tensor<64xf32>, %o: tensor<64x4xbf16>, %s: tensor<64xf32>,
                    %t: tensor<64xf32>, %f: tensor<64xf32>)
    -> (tensor<64x4xbf16>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) {
  %r:4 = attn.finalize ins(%acc : tensor<4x64xf32>) state(%m, %l : tensor<64xf32>, tensor<64xf32>)
    outs(%o, %s, %t, %f : tensor<64x4xbf16>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) returns(out, lse, max)
    maps [#acc, #row, #out, #row, #row, #row] normalizer(#attn.softmax)
  return %r#0, %r#1, %r#2, %r#3 : tensor<64x4xbf16>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

#acc = affine_map<(i, e) -> (e, i)>
#row = affine_map<(i, e) -> (i)>

// CHECK-LABEL: func.func @merge
//  CHECK-SAME:   %[[A:[^ :]+]]: tensor<4x64xf32>, %[[M:[^ :]+]]: tensor<64xf32>, %[[L:[^ :]+]]: tensor<64xf32>,
//  CHECK-SAME:   %[[B:[^ :]+]]: tensor<4x64xf32>, %[[MB:[^ :]+]]: tensor<64xf32>, %[[LB:[^ :]+]]: tensor<64xf32>
//       CHECK:   %[[STATE:.+]]:4 = linalg.generic {{.*}} ins(%[[MB]], %[[LB]] {{.*}} outs(%[[M]], %[[L]], {{.*}} attrs = {attn.role = "merge"}
//       CHECK:   %[[A2:.+]] = linalg.generic {{.*}} ins(%[[B]], %[[STATE]]#3, %[[STATE]]#2 {{.*}} outs(%[[A]]
//       CHECK:   return %[[A2]], %[[STATE]]#0, %[[STATE]]#1
func.func @merge(%acc: tensor<4x64xf32>, %m: tensor<64xf32>, %l: tensor<64xf32>, %accB: tensor<4x64xf32>,
                 %mB: tensor<64xf32>, %lB: tensor<64xf32>) -> (tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>) {
  %r:3 = attn.merge ins(%accB, %mB, %lB : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
    outs(%acc, %m, %l : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>) maps [#acc, #row] normalizer(#attn.softmax)
  return %r#0, %r#1, %r#2 : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

#q = affine_map<(i, j, d) -> (d, i)>
#k = affine_map<(i, j, d) -> (j, d)>
#row = affine_map<(i, j, d) -> (i)>
#w = affine_map<(i, j, d) -> (i, j)>

// Scores lie as for attn.online; weights are written in the orientation of their destination, 0 for what is not kept.

//   CHECK-DAG: #[[$ACROSS:.+]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func.func @weights
//  CHECK-SAME:   %[[M:[^ :]+]]: tensor<64xf32>, %[[L:[^ :]+]]: tensor<64xf32>, %[[F:[^ :]+]]: tensor<64xf32>
//       CHECK:   %[[S:.+]] = linalg.generic {{.*}} attrs = {attn.role = "qk"}
//       CHECK:   linalg.generic {indexing_maps = [#{{[^,]+}}, #{{[^,]+}}, #{{[^,]+}}, #[[$ACROSS]],
//  CHECK-SAME:     iterator_types = ["parallel", "parallel"]} ins(%[[M]], %[[L]], %[[F]], %[[S]] {{.*}} attrs = {attn.role = "softmax"}
//       CHECK:     %[[P:.+]] = math.exp2
//       CHECK:     %[[W:.+]] = arith.mulf %[[P]],
//       CHECK:     %[[MASKED:.+]] = arith.cmpf oeq
//       CHECK:     arith.select %[[MASKED]], %{{.+}}, %[[W]]
func.func @weights(%q: tensor<8x64xf32>, %k: tensor<16x8xf32>, %m: tensor<64xf32>, %l: tensor<64xf32>, %f: tensor<64xf32>,
                   %init: tensor<64x16xf32>) -> tensor<64x16xf32> {
  %r = attn.weights ins(%q, %k : tensor<8x64xf32>, tensor<16x8xf32>)
    state(%m, %l, %f : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) outs(%init : tensor<64x16xf32>)
    maps [#q, #k, #row, #w] exponent_scale(1.000000e+00) normalizer(#attn.softmax)
  return %r : tensor<64x16xf32>
}

// -----

#q = affine_map<(i, j, d) -> (d, i)>
#k = affine_map<(i, j, d) -> (j, d)>
#row = affine_map<(i, j, d) -> (i)>
#w = affine_map<(i, j, d) -> (j, i)>

// A destination that lies as scores do holds them until they are weights: no scratch.

// CHECK-LABEL: func.func @weights_in_place
//  CHECK-SAME:   %[[INIT:[^ :]+]]: tensor<?x64xf32>)
//   CHECK-NOT:   tensor.empty
//       CHECK:   %[[ZEROS:.+]] = linalg.fill {attn.role = "qk"} {{.*}} outs(%[[INIT]]
//       CHECK:   %[[S:.+]] = linalg.generic {{.*}} outs(%[[ZEROS]] {{.*}} attrs = {attn.role = "qk"}
//       CHECK:   linalg.generic {{.*}} outs(%[[S]] {{.*}} attrs = {attn.role = "softmax"}
func.func @weights_in_place(%q: tensor<8x64xf32>, %k: tensor<?x8xf32>, %m: tensor<64xf32>, %l: tensor<64xf32>,
                            %f: tensor<64xf32>, %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %r = attn.weights ins(%q, %k : tensor<8x64xf32>, tensor<?x8xf32>)
    state(%m, %l, %f : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) outs(%init : tensor<?x64xf32>)
    maps [#q, #k, #row, #w] exponent_scale(1.000000e+00) normalizer(#attn.softmax)
    plan(#attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>)
  return %r : tensor<?x64xf32>
}

// -----

// Nothing to convert: nothing changes.

// CHECK-LABEL: func.func @no_attention
//  CHECK-NEXT:   return
func.func @no_attention(%q: tensor<8x64xf32>) -> tensor<8x64xf32> {
  return %q : tensor<8x64xf32>
}
