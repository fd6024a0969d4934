// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Any arithmetic of arith and math ops that needs no library: here a soft sign and a distance.
//
//     8 s / (1 + |s|) - 0.01 |i - j|
//
// Source: ours.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @user(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                %v: tensor<?x2x?x16xf32> {attn.name = "v"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32):
      %i = attn.index 2
      %j = attn.index 3
      %eight = arith.constant 8.0 : f32
      %one = arith.constant 1.0 : f32
      %rate = arith.constant 0.01 : f32
      %a = math.absf %s : f32
      %den = arith.addf %a, %one : f32
      %num = arith.mulf %s, %eight : f32
      %soft = arith.divf %num, %den : f32
      %d = arith.subi %i, %j : index
      %ad = math.absi %d : index
      %d32 = arith.index_cast %ad : index to i32
      %f = arith.sitofp %d32 : i32 to f32
      %p = arith.mulf %f, %rate : f32
      %r = arith.subf %soft, %p : f32
      attn.yield %r : f32
    }
  return %out : tensor<?x2x?x16xf32>
}
