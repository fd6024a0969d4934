// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pixels of an image of width 16, flattened row by row, see those within 2 rows and 2 columns.
//
//     |floor(i / 16) - floor(j / 16)| <= 2 and |i mod 16 - j mod 16| <= 2
//
// Source: Hassani et al. 2023 (Neighborhood Attention), sec. 3, without its shift at the edges.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @neighbourhood_2d(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
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
    mask {
      %i = attn.index 2
      %j = attn.index 3
      %width = arith.constant 16 : index
      %radius = arith.constant 2 : index
      %iy = arith.divui %i, %width : index
      %ix = arith.remui %i, %width : index
      %jy = arith.divui %j, %width : index
      %jx = arith.remui %j, %width : index
      %dy = arith.subi %iy, %jy : index
      %dx = arith.subi %ix, %jx : index
      %ay = math.absi %dy : index
      %ax = math.absi %dx : index
      %ny = arith.cmpi sle, %ay, %radius : index
      %nx = arith.cmpi sle, %ax, %radius : index
      %r = arith.andi %ny, %nx : i1
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
