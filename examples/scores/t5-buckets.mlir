// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// T5 relative position buckets, looked up where they are needed: 8 buckets for the past, exact below 4, then 4, 7, 12
// and 20 on (4 * 8^(k/4), k = 0..3, for a maximum distance of 32).
//
//     s + table[h, bucket(max(i - j, 0))]
//
// Source: Raffel et al. 2020 (T5), sec. 2.1; the buckets of its code for decoders.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @t5_buckets(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                      %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %table: tensor<2x8xf32> {attn.name = "table"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    captures(%table : tensor<2x8xf32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #o]
    scale(1.000000e+00) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %table_: tensor<2x8xf32>):
      %i = attn.index 2
      %j = attn.index 3
      %h = attn.index 1
      %z = arith.constant 0 : index
      %n4 = arith.constant 4 : index
      %n5 = arith.constant 5 : index
      %n6 = arith.constant 6 : index
      %n7 = arith.constant 7 : index
      %d7 = arith.constant 7 : index
      %d12 = arith.constant 12 : index
      %d20 = arith.constant 20 : index
      %d = arith.subi %i, %j : index
      %past = arith.maxsi %d, %z : index
      %a = arith.minsi %past, %n4 : index
      %in5 = arith.cmpi sge, %past, %d7 : index
      %x5 = arith.select %in5, %n5, %a : index
      %in6 = arith.cmpi sge, %past, %d12 : index
      %x6 = arith.select %in6, %n6, %x5 : index
      %in7 = arith.cmpi sge, %past, %d20 : index
      %bucket = arith.select %in7, %n7, %x6 : index
      %bias = tensor.extract %table_[%h, %bucket] : tensor<2x8xf32>
      %r = arith.addf %s, %bias : f32
      attn.yield %r : f32
    }
  return %out : tensor<?x2x?x16xf32>
}
