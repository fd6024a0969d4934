// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Decoding from a paged cache: key j of sequence b is row j mod 16 of page table[b, j / 16], of which the first
// lengths[b] count. Four query heads share a key head. The pages of a tile are read inside the key loop.
// Shapes: q [B, 2, 4, 64], k_pages and v_pages [pages, 2, 16, 64] f16, table [B, T], lengths [B], out [B, 2, 4, 64].
// Entries of the table behind the end of a sequence may hold anything.
// Source: Kwon et al. 2023 (PagedAttention), sec. 4.1.
#q = affine_map<(b, h, g, j, d, e) -> (b, h, g, d)>
#k = affine_map<(b, h, g, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, g, j, d, e) -> (b, h, j, e)>
#length = affine_map<(b, h, g, j, d, e) -> (b)>
#out = affine_map<(b, h, g, j, d, e) -> (b, h, g, e)>

func.func @paged_kv(%q: tensor<?x2x4x64xf32> {attn.name = "q"}, %k_pages: tensor<?x2x16x64xf16> {attn.name = "k_pages"},
    %v_pages: tensor<?x2x16x64xf16> {attn.name = "v_pages"}, %table: tensor<?x?xi32> {attn.name = "table"},
    %lengths: tensor<?xi32> {attn.name = "lengths"}) -> (tensor<?x2x4x64xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %batch = tensor.dim %q, %c0 : tensor<?x2x4x64xf32>
  %k = attn.gather_pages %k_pages, %table : (tensor<?x2x16x64xf16>, tensor<?x?xi32>) -> tensor<?x2x?x64xf16>
  %v = attn.gather_pages %v_pages, %table : (tensor<?x2x16x64xf16>, tensor<?x?xi32>) -> tensor<?x2x?x64xf16>
  %init = tensor.empty(%batch) : tensor<?x2x4x64xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x4x64xf32>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>)
    mask_ins(%lengths : tensor<?xi32>) outs(out %init : tensor<?x2x4x64xf32>)
    maps [#q, #k, #v, #length, #out] scale(1.250000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%length: i32):
      %j = attn.index 3
      %end = arith.index_cast %length : i32 to index
      %keep = arith.cmpi slt, %j, %end : index
      attn.yield %keep : i1
    }
  return %out : tensor<?x2x4x64xf32>
}
