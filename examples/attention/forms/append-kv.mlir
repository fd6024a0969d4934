// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A step of decoding, cache included: the key and value of the new token go behind the lengths[b] that sequence b has,
// into the caller's memory, and the token attends to them all, itself included. Eight heads share two key heads.
//
//     k_cache[b,h,lengths[b]] = k[b,h]      v_cache[b,h,lengths[b]] = v[b,h]
//     out[b,h,g] = sum_j softmax_j(q[b,h,g] . k_cache[b,h,j] / sqrt(D)) v_cache[b,h,j]   over j <= lengths[b]
//
// Source: Pope et al. 2022, sec. 3; grouped heads: Ainslie et al. 2023, sec. 2.2.
//
// try: --shape=q=3x2x4x64 --shape=k=3x2x1x64 --shape=v=3x2x1x64 --shape=k_cache=3x2x77x64 --shape=v_cache=3x2x77x64
//      --shape=lengths=3 --fill=lengths=0@0 --fill=lengths=76@1 --fill=lengths=40@2 --fill=k_cache=nan@2,:,41:
//      --fill=v_cache=nan@2,:,41: --threads=2
// try: --shape=q=1x2x4x64 --shape=k=1x2x1x64 --shape=v=1x2x1x64 --shape=k_cache=1x2x1x64 --shape=v_cache=1x2x1x64
//      --shape=lengths=1 --fill=lengths=0 --strides=padded
#q = affine_map<(b, h, g, j, d, e) -> (b, h, g, d)>
#k = affine_map<(b, h, g, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, g, j, d, e) -> (b, h, j, e)>
#length = affine_map<(b, h, g, j, d, e) -> (b)>
#out = affine_map<(b, h, g, j, d, e) -> (b, h, g, e)>
func.func @append_kv(%q: tensor<?x2x4x64xf32> {attn.name = "q"}, %k: tensor<?x2x1x64xf16> {attn.name = "k"},
    %v: tensor<?x2x1x64xf16> {attn.name = "v"}, %k_cache: tensor<?x2x?x64xf16> {attn.name = "k_cache"},
    %v_cache: tensor<?x2x?x64xf16> {attn.name = "v_cache"}, %lengths: tensor<?xi32> {attn.name = "lengths"})
    -> (tensor<?x2x4x64xf32>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>) {
  %keys = attn.append_kv %k, %k_cache at(%lengths : tensor<?xi32>)
    : (tensor<?x2x1x64xf16>, tensor<?x2x?x64xf16>) -> tensor<?x2x?x64xf16>
  %values = attn.append_kv %v, %v_cache at(%lengths : tensor<?xi32>)
    : (tensor<?x2x1x64xf16>, tensor<?x2x?x64xf16>) -> tensor<?x2x?x64xf16>
  %c0 = arith.constant 0 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x4x64xf32>
  %init = tensor.empty(%b) : tensor<?x2x4x64xf32>
  %out = attn.generic ins(%q, %keys, %values : tensor<?x2x4x64xf32>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>)
    mask_ins(%lengths : tensor<?xi32>) outs(out %init : tensor<?x2x4x64xf32>)
    maps [#q, #k, #v, #length, #out] scale(1.250000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%length: i32):
      %j = attn.index 3
      %last = arith.index_cast %length : i32 to index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %out, %keys, %values : tensor<?x2x4x64xf32>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>
}
