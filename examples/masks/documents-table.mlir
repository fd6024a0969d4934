// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Packed sequences whose ids are one table, looked up at the row and at the key.
//
//     ids[b, i] = ids[b, j] and j <= i
//
// Source: Krell et al. 2021 (Efficient sequence packing), sec. 3.2; written as in He et al. 2024 (FlexAttention).
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x70x16 --shape=v=1x2x70x16 --shape=ids=1x70
//      --fill=ids=0@:,:30 --fill=ids=1@:,30:
// try: --shape=q=2x2x131x16 --shape=k=2x2x131x16 --shape=v=2x2x131x16 --shape=ids=2x131 --fill=ids=0..3
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @documents_table(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                           %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %ids: tensor<?x?xi32> {attn.name = "ids"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    captures(%ids : tensor<?x?xi32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%ids_: tensor<?x?xi32>):
      %batch = attn.index 0
      %i = attn.index 2
      %j = attn.index 3
      %x = tensor.extract %ids_[%batch, %i] : tensor<?x?xi32>
      %y = tensor.extract %ids_[%batch, %j] : tensor<?x?xi32>
      %same = arith.cmpi eq, %x, %y : i32
      %past = arith.cmpi sle, %j, %i : index
      %r = arith.andi %same, %past : i1
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
