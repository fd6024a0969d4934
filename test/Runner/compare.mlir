// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels against the float64 reference, through the C interface: sizes chosen at run time, layouts, threads, and
// values that must not leak.

// RUN: attn-run %s --func=causal --shape=q=1x3x77x32 --shape=k=1x3x80x32 --shape=v=1x3x80x16 --compare | FileCheck %s
// CHECK: causal: q f32 1x3x77x32, k f32 1x3x80x32, v f32 1x3x80x16, out f32 1x3x77x16
// CHECK-NEXT: out: ok: 3696 compared, 0 exempt, 0 beyond tolerance

// RUN: attn-run %s --func=causal --shape=q=1x3x77x32 --shape=k=1x3x80x32 --shape=v=1x3x80x16 --compare --strides=padded --threads=2
// RUN: attn-run %s --func=causal --shape=q=1x3x77x32 --shape=k=1x3x80x32 --shape=v=1x3x80x16 --compare --strides=permuted
// RUN: attn-run %s --func=causal --shape=q=1x3x77x32 --shape=k=1x3x80x32 --shape=v=1x3x80x16 --compare --strides=guarded

// More rows than keys: the first rows see none. One row, one key, no key, no row.
// RUN: attn-run %s --func=causal --shape=q=1x3x70x32 --shape=k=1x3x3x32 --shape=v=1x3x3x16 --compare
// RUN: attn-run %s --func=causal --shape=q=1x3x1x32 --shape=k=1x3x1x32 --shape=v=1x3x1x16 --compare
// RUN: attn-run %s --func=causal --shape=q=1x3x5x32 --shape=k=1x3x0x32 --shape=v=1x3x0x16 --compare
// RUN: attn-run %s --func=causal --shape=q=1x3x0x32 --shape=k=1x3x5x32 --shape=v=1x3x5x16 --compare

// The last key is masked for all rows but the last: NaN there stays there. Scores of -inf are not kept, large ones do
// not overflow, infinities of V reach the rows that keep them.
// RUN: attn-run %s --func=causal --shape=q=1x3x77x32 --shape=k=1x3x80x32 --shape=v=1x3x80x16 --compare --fill=v=nan@:,:,79
// RUN: attn-run %s --func=causal --shape=q=1x3x77x32 --shape=k=1x3x80x32 --shape=v=1x3x80x16 --compare --fill=k=nan@:,:,79
// RUN: attn-run %s --func=causal --shape=q=1x3x77x32 --shape=k=1x3x80x32 --shape=v=1x3x80x16 --compare --fill=v=inf@:,:,40
// RUN: attn-run %s --func=causal --shape=q=1x3x77x32 --shape=k=1x3x80x32 --shape=v=1x3x80x16 --compare --fill=q=-900..900
// RUN: attn-run %s --func=causal --shape=q=1x3x77x32 --shape=k=1x3x80x32 --shape=v=1x3x80x16 --compare --worst-case --fill=q=1 --fill=k=2 --fill=v=3

func.func @causal(%q: tensor<1x3x?x32xf32> {attn.name = "q"}, %k: tensor<1x3x?x32xf32> {attn.name = "k"},
                  %v: tensor<1x3x?x16xf32> {attn.name = "v"}) -> tensor<1x3x?x16xf32> {
  %o = attn.sdpa %q, %k, %v causal(bottom_right)
     : (tensor<1x3x?x32xf32>, tensor<1x3x?x32xf32>, tensor<1x3x?x16xf32>) -> tensor<1x3x?x16xf32>
  return %o : tensor<1x3x?x16xf32>
}

// Grouped heads in packed layout, two results, and a mask from memory.
// RUN: attn-run %s --func=grouped --shape=q=2x37x6x32 --shape=k=2x41x2x32 --shape=v=2x41x2x16 --shape=mask=37x41 --fill=mask=0@5 --compare | FileCheck %s --check-prefix=GROUPED
// GROUPED: grouped: q f32 2x37x6x32, k f32 2x41x2x32, v f32 2x41x2x16, mask i1 37x41, o f32 2x37x6x16, lse f32 2x6x37
// GROUPED-NEXT: o: ok: 7104 compared
// GROUPED-NEXT: lse: ok: 444 compared
func.func @grouped(%q: tensor<2x?x6x32xf32> {attn.name = "q"}, %k: tensor<2x?x2x32xf32> {attn.name = "k"},
                   %v: tensor<2x?x2x16xf32> {attn.name = "v"}, %mask: tensor<?x?xi1> {attn.name = "mask"})
    -> (tensor<2x?x6x16xf32> {attn.name = "o"}, tensor<2x6x?xf32> {attn.name = "lse"}) {
  %o, %lse = attn.sdpa %q, %k, %v mask(%mask : tensor<?x?xi1>) layout(bnhd) returns(out, lse)
     : (tensor<2x?x6x32xf32>, tensor<2x?x2x32xf32>, tensor<2x?x2x16xf32>) -> tensor<2x?x6x16xf32>, tensor<2x6x?xf32>
  return %o, %lse : tensor<2x?x6x16xf32>, tensor<2x6x?xf32>
}

// A sliding window of captured width over sequences of several lengths, with a score that is bounded by tanh.
// RUN: attn-run %s --func=window --shape=q=4x50x8 --shape=k=4x70x8 --shape=v=4x70x8 --arg=w=20 --fill=len=0..50 --compare
func.func @window(%q: tensor<4x?x8xf32> {attn.name = "q"}, %k: tensor<4x?x8xf32> {attn.name = "k"},
                  %v: tensor<4x?x8xf32> {attn.name = "v"}, %len: tensor<4xi32> {attn.name = "len"},
                  %w: index {attn.name = "w"}) -> tensor<4x?x8xf32> {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %q, %c1 : tensor<4x?x8xf32>
  %init = tensor.empty(%n) : tensor<4x?x8xf32>
  %o = attn.generic ins(%q, %k, %v : tensor<4x?x8xf32>, tensor<4x?x8xf32>, tensor<4x?x8xf32>)
    mask_ins(%len : tensor<4xi32>) captures(%w : index) outs(out %init : tensor<4x?x8xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (b)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    scale(5.000000e-01) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %width: index):
      %bound = arith.constant 5.0 : f32
      %inverse = arith.constant 0.2 : f32
      %scaled = arith.mulf %s, %inverse : f32
      %soft = math.tanh %scaled : f32
      %capped = arith.mulf %soft, %bound : f32
      attn.yield %capped : f32
    }
    mask {
    ^bb0(%length: i32, %width: index):
      %i = attn.index 1
      %j = attn.index 2
      %past = arith.cmpi sle, %j, %i : index
      %distance = arith.subi %i, %j : index
      %near = arith.cmpi slt, %distance, %width : index
      %end = arith.index_cast %length : i32 to index
      %inside = arith.cmpi slt, %j, %end : index
      %both = arith.andi %past, %near : i1
      %keep = arith.andi %both, %inside : i1
      attn.yield %keep : i1
    }
  return %o : tensor<4x?x8xf32>
}

// Sizes that disagree are refused by the kernel.
// RUN: not attn-run %s --func=causal --shape=q=1x3x7x32 --shape=k=1x3x8x32 --shape=v=1x3x9x16 --compare 2>&1 | FileCheck %s --check-prefix=REFUSED
// REFUSED: attn-run: error: 'causal' refuses the call with status 4

// A mask and a bias with one column say one thing of all keys: what is sliced of them has no neighbours in memory.
// RUN: attn-run %s --func=one_column --shape=q=2x4x70x16 --shape=k=2x2x7x16 --shape=v=2x2x7x24 --shape=mask=2x1x70x1 --shape=bias=4x70x1 --compare
// RUN: attn-run %s --func=one_column --shape=q=2x4x70x16 --shape=k=2x2x7x16 --shape=v=2x2x7x24 --shape=mask=2x1x70x1 --shape=bias=4x70x1 --compare --fill=mask=0@:,:,5 --strides=padded
func.func @one_column(%q: tensor<2x4x?x16xf32> {attn.name = "q"}, %k: tensor<2x2x?x16xf32> {attn.name = "k"},
                      %v: tensor<2x2x?x24xf32> {attn.name = "v"}, %mask: tensor<2x1x?x1xi1> {attn.name = "mask"},
                      %bias: tensor<4x?x1xf32> {attn.name = "bias"}) -> tensor<2x4x?x24xf32> {
  %o = attn.sdpa %q, %k, %v bias(%bias : tensor<4x?x1xf32>) mask(%mask : tensor<2x1x?x1xi1>)
     : (tensor<2x4x?x16xf32>, tensor<2x2x?x16xf32>, tensor<2x2x?x24xf32>) -> tensor<2x4x?x24xf32>
  return %o : tensor<2x4x?x24xf32>
}

// An out narrower than Q is judged as it is stored.
// RUN: attn-run %s --func=narrow_out --compare
func.func @narrow_out(%q: tensor<21x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x8xf32>) -> tensor<21x8xbf16> {
  %init = tensor.empty() : tensor<21x8xbf16>
  %o = attn.generic ins(%q, %k, %v : tensor<21x8xf32>, tensor<7x8xf32>, tensor<7x8xf32>)
    outs(out %init : tensor<21x8xbf16>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>,
          affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>]
    scale(1.0) normalizer(#attn.softmax)
  return %o : tensor<21x8xbf16>
}
