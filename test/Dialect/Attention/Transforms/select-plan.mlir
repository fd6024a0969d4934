// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-select-plan{vector-bits=512 vector-registers=32 l2-bytes=1048576 bf16-dot}))' | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-select-plan{vector-bits=256 vector-registers=16}))' | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-select-plan{vector-bits=128 vector-registers=16}))' | FileCheck %s --check-prefixes=CHECK,SSE
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-select-plan))' --remarks-filter-passed=select-plan --remark-policy=all 2>&1 | FileCheck %s --check-prefix=REMARK

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>

// Sizes of the problem may be unknown; tiles follow from registers (lanes, register_tile) and caches (keys).

// CHECK-LABEL: func.func @unknown_sizes
//      AVX512:   attn.plan = #attn.plan<online, rows_minor, rows = 64 short 16, keys = 64 split 128, lanes = 16, register_tile = [4, 4]>
//        AVX2:   attn.plan = #attn.plan<online, rows_minor, rows = 64 short 16, keys = 66 split 132, lanes = 8, register_tile = [6, 2]>
//         SSE:   attn.plan = #attn.plan<online, rows_minor, rows = 64 short 16, keys = 66 split 132, lanes = 4, register_tile = [6, 2]>
//      REMARK: [Passed] select-plan | {{.*}}keys=66, lanes=8, register-rows=6, register-vectors=2, rows=64
func.func @unknown_sizes(%q: tensor<?x?x64xf32>, %k: tensor<?x?x64xf32>, %v: tensor<?x?x48xf32>,
                         %o: tensor<?x?x48xf32>) -> tensor<?x?x48xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x48xf32>)
    outs(out %o : tensor<?x?x48xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<?x?x48xf32>
}

// Fewer query rows than a tile has, known: two vectors of rows instead of four, and more rows of accumulators and keys
// instead.

// CHECK-LABEL: func.func @few_rows
//      AVX512:   rows_minor, rows = 32, keys = 128 split 256, lanes = 16, register_tile = [8, 2]
//        AVX2:   rows_minor, rows = 24, keys = 120 split 240, lanes = 8, register_tile = [12, 1]
//         SSE:   rows_minor, rows = 20, keys = 120 split 240, lanes = 4, register_tile = [12, 1]
func.func @few_rows(%q: tensor<2x19x64xf32>, %k: tensor<2x?x64xf32>, %v: tensor<2x?x48xf32>,
                    %o: tensor<2x19x48xf32>) -> tensor<2x19x48xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x19x64xf32>, tensor<2x?x64xf32>, tensor<2x?x48xf32>)
    outs(out %o : tensor<2x19x48xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<2x19x48xf32>
}

// Of a known number of rows the last tile is as short as it can be: 77 = 64 + 13. On wide vectors 51 rows are as many as 64.

// CHECK-LABEL: func.func @last_tile_is_short
//      AVX512:   rows = 64 short 16, keys = 64 split 128, lanes = 16
//        AVX2:   rows = 64 short 16, keys = 66 split 132, lanes = 8
//         SSE:   rows = 64 short 16, keys = 66 split 132, lanes = 4
// CHECK-LABEL: func.func @last_tile_is_almost_whole
//      AVX512:   rows = 64, keys = 64 split 128, lanes = 16
//        AVX2:   rows = 64 short 56, keys = 66 split 132, lanes = 8
//         SSE:   rows = 64 short 52, keys = 66 split 132, lanes = 4
func.func @last_tile_is_short(%q: tensor<2x77x64xf32>, %k: tensor<2x?x64xf32>, %v: tensor<2x?x48xf32>,
                              %o: tensor<2x77x48xf32>) -> tensor<2x77x48xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x77x64xf32>, tensor<2x?x64xf32>, tensor<2x?x48xf32>)
    outs(out %o : tensor<2x77x48xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<2x77x48xf32>
}
func.func @last_tile_is_almost_whole(%q: tensor<2x115x64xf32>, %k: tensor<2x?x64xf32>, %v: tensor<2x?x48xf32>,
                                     %o: tensor<2x115x48xf32>) -> tensor<2x115x48xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x115x64xf32>, tensor<2x?x64xf32>, tensor<2x?x48xf32>)
    outs(out %o : tensor<2x115x48xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<2x115x48xf32>
}

// Decoding: one query row, but 8 heads of a group read the same keys. They are the rows of the tile. Where they would fill
// one vector at most, lanes are neighbours in a row of K or V: 3 vectors of 16, or 6 of 8, are one row of V.

// CHECK-LABEL: func.func @decode_tiles_the_group
//      AVX512:   rows_major, rows = 8, keys = 32 split 512, lanes = 16, register_tile = [5, 3]>
//        AVX2:   rows_major, rows = 8, keys = 32 split 512, lanes = 8, register_tile = [2, 6]>
//         SSE:   rows_minor, rows = 8, keys = 126 split 252, lanes = 4, register_tile = [6, 2]>
func.func @decode_tiles_the_group(%q: tensor<3x8x1x64xf32>, %k: tensor<3x?x64xf32>, %v: tensor<3x?x48xf32>,
                                  %o: tensor<3x8x1x48xf32>) -> tensor<3x8x1x48xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<3x8x1x64xf32>, tensor<3x?x64xf32>, tensor<3x?x48xf32>)
    outs(out %o : tensor<3x8x1x48xf32>)
    maps [affine_map<(h, g, i, j, d, e) -> (h, g, i, d)>, affine_map<(h, g, i, j, d, e) -> (h, j, d)>,
          affine_map<(h, g, i, j, d, e) -> (h, j, e)>, affine_map<(h, g, i, j, d, e) -> (h, g, i, e)>]
    normalizer(#attn.softmax)
  return %0 : tensor<3x8x1x48xf32>
}

// One row of one head. 12 accumulators of 16 registers hold half of a row of V with 16 vectors: the other half is a second
// visit.

// CHECK-LABEL: func.func @one_row
//      AVX512:   rows_major, rows = 1, keys = 16 split 512, lanes = 16, register_tile = [1, 8], precision = bf16>
//        AVX2:   rows_major, rows = 1, keys = 16 split 512, lanes = 8, register_tile = [1, 8]>
func.func @one_row(%q: tensor<3x1x64xbf16>, %k: tensor<3x?x64xbf16>, %v: tensor<3x?x128xbf16>,
                   %o: tensor<3x1x128xbf16>) -> tensor<3x1x128xbf16> {
  %0 = attn.generic ins(%q, %k, %v : tensor<3x1x64xbf16>, tensor<3x?x64xbf16>, tensor<3x?x128xbf16>)
    outs(out %o : tensor<3x1x128xbf16>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<3x1x128xbf16>
}

// Pairs of bf16 along rows are worth more than lanes that are all in use: 9 rows of 16 lanes are one vector of rows.

// CHECK-LABEL: func.func @nine_rows
//      AVX512:   rows_minor, rows = 16, {{.+}}precision = bf16>
//        AVX2:   rows_minor, rows = 16,
func.func @nine_rows(%q: tensor<3x9x64xbf16>, %k: tensor<3x?x64xbf16>, %v: tensor<3x?x128xbf16>,
                     %o: tensor<3x9x128xbf16>) -> tensor<3x9x128xbf16> {
  %0 = attn.generic ins(%q, %k, %v : tensor<3x9x64xbf16>, tensor<3x?x64xbf16>, tensor<3x?x128xbf16>)
    outs(out %o : tensor<3x9x128xbf16>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<3x9x128xbf16>
}

// A large head leaves L2 for fewer keys: with D = 576 and Dv = 512 (absorbed latent attention) a tile of 64 keys
// would not fit half of 512 KiB, but fewer than 32 keys would make acc the bottleneck.

// CHECK-LABEL: func.func @large_head
//        AVX2:   rows = 64 short 16, keys = 36 split 72, lanes = 8, register_tile = [6, 2]
func.func @large_head(%q: tensor<2x?x576xf32>, %k: tensor<2x?x576xf32>, %v: tensor<2x?x512xf32>,
                      %o: tensor<2x?x512xf32>) -> tensor<2x?x512xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x?x576xf32>, tensor<2x?x576xf32>, tensor<2x?x512xf32>)
    outs(out %o : tensor<2x?x512xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<2x?x512xf32>
}

// Lanes count elements of the accumulator: f64 has half as many.

// CHECK-LABEL: func.func @double
//      AVX512:   rows = 64 short 16, keys = 32 split 64, lanes = 8, register_tile = [4, 4]
func.func @double(%q: tensor<2x?x64xf64>, %k: tensor<2x?x64xf64>, %v: tensor<2x?x48xf64>,
                  %o: tensor<2x?x48xf64>) -> tensor<2x?x48xf64> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x?x64xf64>, tensor<2x?x64xf64>, tensor<2x?x48xf64>)
    outs(out %o : tensor<2x?x48xf64>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<2x?x48xf64>
}

// Pairs of bf16 where the machine has them; an odd D has no pairs.

// CHECK-LABEL: func.func @pairs
//      AVX512:   register_tile = [4, 4], precision = bf16>
//    AVX2-NOT:   precision
//         SSE:   return
func.func @pairs(%q: tensor<2x?x64xbf16>, %k: tensor<2x?x64xbf16>, %v: tensor<2x?x48xbf16>,
                 %o: tensor<2x?x48xbf16>) -> tensor<2x?x48xbf16> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x?x64xbf16>, tensor<2x?x64xbf16>, tensor<2x?x48xbf16>)
    outs(out %o : tensor<2x?x48xbf16>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<2x?x48xbf16>
}

// CHECK-LABEL: func.func @no_pairs
//   CHECK-NOT:   precision
//       CHECK:   return
func.func @no_pairs(%q: tensor<2x?x33xbf16>, %k: tensor<2x?x33xbf16>, %v: tensor<2x?x48xbf16>,
                    %o: tensor<2x?x48xbf16>) -> tensor<2x?x48xbf16> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x?x33xbf16>, tensor<2x?x33xbf16>, tensor<2x?x48xbf16>)
    outs(out %o : tensor<2x?x48xbf16>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<2x?x48xbf16>
}

// A plan given by hand stays.

// CHECK-LABEL: func.func @plan_is_kept
//       CHECK:   rows = 32, keys = 24, lanes = 16, register_tile = [2, 2]
func.func @plan_is_kept(%q: tensor<2x?x64xf32>, %k: tensor<2x?x64xf32>, %v: tensor<2x?x48xf32>,
                        %o: tensor<2x?x48xf32>) -> tensor<2x?x48xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x?x64xf32>, tensor<2x?x64xf32>, tensor<2x?x48xf32>)
    outs(out %o : tensor<2x?x48xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 32, keys = 24, lanes = 16, register_tile = [2, 2]>}
  return %0 : tensor<2x?x48xf32>
}

// Keys are divided among threads where there may be few row tiles: not with 256 of them, not with fewer keys than two
// parts, and not with weights, which need the state of all keys.

// CHECK-LABEL: func.func @many_tasks
//       CHECK:   rows = 64, keys = {{[0-9]+}}, lanes
func.func @many_tasks(%q: tensor<64x256x64xf32>, %k: tensor<64x?x64xf32>, %v: tensor<64x?x48xf32>,
                      %o: tensor<64x256x48xf32>) -> tensor<64x256x48xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<64x256x64xf32>, tensor<64x?x64xf32>, tensor<64x?x48xf32>)
    outs(out %o : tensor<64x256x48xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<64x256x48xf32>
}

// CHECK-LABEL: func.func @few_keys
//       CHECK:   keys = {{[0-9]+}}, lanes
func.func @few_keys(%q: tensor<2x64x64xf32>, %k: tensor<2x127x64xf32>, %v: tensor<2x127x48xf32>,
                    %o: tensor<2x64x48xf32>) -> tensor<2x64x48xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x64x64xf32>, tensor<2x127x64xf32>, tensor<2x127x48xf32>)
    outs(out %o : tensor<2x64x48xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<2x64x48xf32>
}

// CHECK-LABEL: func.func @weights
//       CHECK:   keys = {{[0-9]+}}, lanes
#w = affine_map<(b, i, j, d, e) -> (b, i, j)>
func.func @weights(%q: tensor<2x?x64xf32>, %k: tensor<2x?x64xf32>, %v: tensor<2x?x48xf32>,
                   %o: tensor<2x?x48xf32>, %w: tensor<2x?x?xf32>) -> (tensor<2x?x48xf32>, tensor<2x?x?xf32>) {
  %0:2 = attn.generic ins(%q, %k, %v : tensor<2x?x64xf32>, tensor<2x?x64xf32>, tensor<2x?x48xf32>)
    outs(out %o : tensor<2x?x48xf32>, weights %w : tensor<2x?x?xf32>) maps [#q, #k, #v, #o, #w]
    normalizer(#attn.softmax)
  return %0#0, %0#1 : tensor<2x?x48xf32>, tensor<2x?x?xf32>
}
