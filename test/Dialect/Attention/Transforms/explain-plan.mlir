// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(attn-explain-plan{arg=w=16})' -o /dev/null | FileCheck %s
// RUN: attn-opt %s -attn-explain-plan='arg=w=16 shape=arg0=2x33x8 shape=arg1=2x40x8' -o /dev/null | FileCheck %s --check-prefix=SHAPE
// RUN: attn-opt %s --explain=plan -o /dev/null | FileCheck %s --check-prefix=OPTION
// RUN: attn-opt %s --explain=plan | FileCheck %s --check-prefix=IR
// RUN: attn-opt %s --explain=plan --explain-format=json --arg=w=16 -o /dev/null > %t.json
// RUN: %python -c 'import json, sys; [print(json.dumps(json.loads(line), sort_keys=True)) for line in open(sys.argv[1])]' %t.json | FileCheck %s --check-prefix=JSON

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#m = affine_map<(b, i, j, d, e) -> (b, j)>

// The IR stays as it is, plan and all.
//    IR: plan of 'attn.generic' in @causal
//    IR: func.func @causal
//    IR:   attn.generic
//    IR-SAME: keys = 20

// Row tiles of 16 rows see the first 16, 32, 48, 64 and 70 keys: 1, 2, 3, 4 and 4 key tiles of 20, in each of 3
// batches, of 5. Keys that all rows see are 1, 17, 33, 49 and 65: 0, 0, 1, 2 and 3 whole tiles; the other 8 look at
// the mask. 230 keys in all:
//   flops        2 * 16 rows * (8 + 12) * 230 * 3       dense 2 * 70 * 90 * (8 + 12) * 3
//   exponentials 16 * 230 * 3
//   bytes        4 * 3 * (70 * 8 + 70 * 12 + 230 * (8 + 12)), and 4 * 3 * (70 * 8 + 90 * 8 + 90 * 12 + 70 * 12)

// CHECK: explain-plan.mlir:[[@LINE+19]]:8: plan of 'attn.generic' in @causal: online, rows_minor
// CHECK-NEXT:   lanes         = 8        a vector register of 256 bits / 32 bits of a score
// CHECK-NEXT:   rows          = 16       given; would be 64: query rows that share each load of K and V: at most 64
// CHECK-NEXT:   short         = 0        given; would be 8: 70 query rows leave 6 for a last row tile that is not whole
// CHECK-NEXT:   register_tile = [6, 2]   6 x 2 accumulators <= 12 of 16 registers; 2 <= 2 vectors, a divisor of the 8 of a row tile
// CHECK-NEXT:   keys          = 20       given; would be 66: 64 keys x 64 rows x 4 bytes of scores <= 16384, half of L1, up to a multiple of 6; live bytes 27296 <= 262144, half of L2
// CHECK-NEXT:   split         = 0        90 keys are no two parts of 132
// CHECK-NEXT:   precision     = accumulator Q, K and V are not all bf16
// CHECK-NEXT:   sizes: batches 3, rows 70 (70 in tiles), keys 90, D 8, Dv 12
// CHECK-NEXT:   bytes live in the loop over keys: 4160
// Of the instructions counted by CostModel.cpp, without the mask, whose least are 70 rows * 90 keys * (8 + 12) / 8.
// CHECK-NEXT:   predicted: [[#]] % of the peak, by instructions: products [[#]] %, scores [[#]] %, acc [[#]] %, operands [[#]] %, loops [[#]] %; memory meanwhile [[#]] %
// CHECK-NEXT:   alternatives: {{.*}}rows {{[0-9]+ [+-]}}{{.*}}, register_tile {{.*}} % of time (5 % is what the prediction may be wrong by)
// CHECK-NEXT:   tasks: 15
// CHECK-NEXT:   key tiles: 42 visited of 75, 24 of them look at a mask
// CHECK-NEXT:   flops: 441600 of the products on visited tiles, 756000 for all rows and keys; 11040 exponentials
// CHECK-NEXT:   bytes: 72000 read and written by tasks, 38400 in all tensors
func.func @causal(%q: tensor<3x70x8xf32>, %k: tensor<3x90x8xf32>, %v: tensor<3x90x12xf32>,
                  %o: tensor<3x70x12xf32>) -> tensor<3x70x12xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<3x70x8xf32>, tensor<3x90x8xf32>, tensor<3x90x12xf32>)
    outs(out %o : tensor<3x70x12xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 20, lanes = 8, register_tile = [6, 2]>}
    mask {
      %i = attn.index 1
      %j = attn.index 2
      %keep = arith.cmpi sle, %j, %i : index
      attn.yield %keep : i1
    }
  return %0 : tensor<3x70x12xf32>
}

// JSON: "bytes": {"streamed": 72000, "tensors": 38400}, "explain": "plan", "exponentials": 11040, "flops": {"dense": 756000, "visited": 441600}, "function": "causal", "key_tiles": {"all": 75, "at_most": false, "masked": 24, "visited": 42}, "live_bytes": 4160
// JSON-SAME: "plan": {"algorithm": "online", "keys": 20, "lanes": 8, "orientation": "rows_minor", "precision": "accumulator", "register_tile": [6, 2], "rows": 16, "short": 0, "split": 0}
// JSON-SAME: {"chosen": "66", "name": "keys", "reason": "64 keys x
// JSON-SAME: "value": "20"}
// JSON-SAME: "sizes": {"batches": [3], "d": 8, "dv": 12, "keys": 90, "rows": [70], "tiled_rows": 70}, "tasks": 15}

// Without a mask every tile is visited, with as many keys as there are. Sizes that types leave open have to be given,
// and so has a scalar that the mask depends on: a window of w keys.

// CHECK: plan of 'attn.generic' in @window
// CHECK:   sizes: batches 2, rows ? (? in tiles), keys ?, D 8, Dv 8
// CHECK:   costs are unknown: they depend on dimension 1 of 'arg0' (see the options shape and arg)
// OPTION: plan of 'attn.generic' in @window
// OPTION:   costs are unknown: they depend on dimension 1 of 'arg0'
// JSON: "function": "window"
// JSON-SAME: "sizes": {"batches": [2], "d": 8, "dv": 8, "keys": null, "rows": [null], "tiled_rows": null}, "unknown": "they depend on dimension 1 of 'arg0'

// Rows 0 to 15, 16 to 31 and 32 see the keys 0 to 15, 1 to 31 and 17 to 32: 1, 2 and 1 tiles of 16, of 3. The last
// one, of a single row, needs no mask.
// SHAPE: plan of 'attn.generic' in @window
// SHAPE:   sizes: batches 2, rows 33 (33 in tiles), keys 40, D 8, Dv 8
// SHAPE:   tasks: 6
// SHAPE:   key tiles: 8 visited of 18, 6 of them look at a mask
func.func @window(%q: tensor<2x?x8xf32>, %k: tensor<2x?x8xf32>, %o: tensor<2x?x8xf32>,
                  %w: index {attn.name = "w"}) -> tensor<2x?x8xf32> {
  %0 = attn.generic ins(%q, %k, %k : tensor<2x?x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>) captures(%w : index)
    outs(out %o : tensor<2x?x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 16, lanes = 8, register_tile = [6, 2]>}
    mask {
    ^bb0(%width: index):
      %i = attn.index 1
      %j = attn.index 2
      %first = arith.subi %i, %width : index
      %past = arith.cmpi sle, %j, %i : index
      %near = arith.cmpi sgt, %j, %first : index
      %keep = arith.andi %past, %near : i1
      attn.yield %keep : i1
    }
  return %0 : tensor<2x?x8xf32>
}

// A mask that is data skips what it is found to mask when the kernel runs: here all may be visited. The last tile of 8
// keys is not whole and never goes without mask.

// CHECK: plan of 'attn.generic' in @data
// CHECK:   key tiles: at most 6 visited of 6, at most 6 of them look at a mask
// CHECK:   which of them are skipped depends on operands of the mask; what follows is for none
func.func @data(%q: tensor<2x11x8xf32>, %k: tensor<2x40x8xf32>, %o: tensor<2x11x8xf32>,
                %m: tensor<2x40xi1>) -> tensor<2x11x8xf32> {
  %0 = attn.generic ins(%q, %k, %k : tensor<2x11x8xf32>, tensor<2x40x8xf32>, tensor<2x40x8xf32>)
    mask_ins(%m : tensor<2x40xi1>)
    outs(out %o : tensor<2x11x8xf32>) maps [#q, #k, #v, #m, #o] normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 16, lanes = 8, register_tile = [6, 2]>}
    mask {
    ^bb0(%keep: i1):
      attn.yield %keep : i1
    }
  return %0 : tensor<2x11x8xf32>
}

// What cannot be tiled has a plan, and a reason for having no costs.

// CHECK: plan of 'attn.generic' in @topk
// CHECK:   costs are unknown: cannot tile result 'topk_values' with k = 65
#t = affine_map<(b, i, j, d, e) -> (b, i)>
func.func @topk(%q: tensor<2x11x8xf32>, %o: tensor<2x11x8xf32>, %h: tensor<2x11x65xf32>, %x: tensor<2x11x65xi32>)
    -> (tensor<2x11x8xf32>, tensor<2x11x65xf32>, tensor<2x11x65xi32>) {
  %0:3 = attn.generic ins(%q, %q, %q : tensor<2x11x8xf32>, tensor<2x11x8xf32>, tensor<2x11x8xf32>)
    outs(out %o : tensor<2x11x8xf32>, topk_values %h : tensor<2x11x65xf32>, topk_indices %x : tensor<2x11x65xi32>)
    maps [#q, #k, #v, #o, #t, #t] normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 16, lanes = 8, register_tile = [6, 2]>}
  return %0#0, %0#1, %0#2 : tensor<2x11x8xf32>, tensor<2x11x65xf32>, tensor<2x11x65xi32>
}

// A last tile of 4 rows is computed as 8, not 16: (16 + 8) * 10 pairs.

// CHECK: plan of 'attn.generic' in @short_rows
// CHECK:   short         = 8{{ +}}given; would be 0: 20 query rows leave 0 for a last row tile that is not whole
// CHECK:   flops: 7680 of the products on visited tiles, 6400 for all rows and keys; 240 exponentials
func.func @short_rows(%q: tensor<1x20x8xf32>, %k: tensor<1x10x8xf32>, %o: tensor<1x20x8xf32>) -> tensor<1x20x8xf32> {
  %0 = attn.generic ins(%q, %k, %k : tensor<1x20x8xf32>, tensor<1x10x8xf32>, tensor<1x10x8xf32>)
    outs(out %o : tensor<1x20x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 16 short 8, keys = 20, lanes = 8, register_tile = [6, 2]>}
  return %0 : tensor<1x20x8xf32>
}
