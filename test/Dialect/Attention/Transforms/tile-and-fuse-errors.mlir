// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-and-fuse))' -split-input-file -verify-diagnostics

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>

func.func @no_plan(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>,
                   %o: tensor<5x3xf32>) -> tensor<5x3xf32> {
  // expected-error @below {{expects a plan in 'attn.plan': run attn-select-plan first}}
  %0 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<5x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<5x3xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#t = affine_map<(i, j, d, e) -> (i)>
#plan = #attn.plan<online, rows_minor, rows = 8, keys = 4, lanes = 8, register_tile = [2, 1]>

func.func @topk_ranks(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>,
    %o: tensor<5x3xf32>, %h: tensor<5x65xf32>, %x: tensor<5x65xi32>) -> tensor<5x3xf32> {
  // expected-error @below {{cannot tile result 'topk_values' with k = 65: expects at most 64; ask for 'weights' and rank them}}
  %0:3 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<5x3xf32>, topk_values %h : tensor<5x65xf32>, topk_indices %x : tensor<5x65xi32>)
    maps [#q, #k, #v, #o, #t, #t] normalizer(#attn.softmax) {attn.plan = #attn.plan<online, rows_minor, rows = 8, keys = 4, lanes = 8, register_tile = [2, 1]>}
  return %0#0 : tensor<5x3xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#t = affine_map<(i, j, d, e) -> (i)>

func.func @topk_index_type(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>,
    %o: tensor<5x3xf32>, %h: tensor<5x2xf32>, %x: tensor<5x2xi16>) -> tensor<5x3xf32> {
  // expected-error @below {{cannot tile result 'topk_indices' of 'i16': expects i32 or i64}}
  %0:3 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<5x3xf32>, topk_values %h : tensor<5x2xf32>, topk_indices %x : tensor<5x2xi16>)
    maps [#q, #k, #v, #o, #t, #t] normalizer(#attn.softmax) {attn.plan = #attn.plan<online, rows_minor, rows = 8, keys = 4, lanes = 8, register_tile = [2, 1]>}
  return %0#0 : tensor<5x3xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#t = affine_map<(i, j, d, e) -> (i)>

func.func @topk_split(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>,
    %o: tensor<5x3xf32>, %h: tensor<5x2xf32>, %x: tensor<5x2xi32>) -> tensor<5x3xf32> {
  // expected-error @below {{cannot tile result 'topk_values' with 'split' = 8: nobody merges lists of parts, expects a plan without 'split'}}
  %0:3 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<5x3xf32>, topk_values %h : tensor<5x2xf32>, topk_indices %x : tensor<5x2xi32>)
    maps [#q, #k, #v, #o, #t, #t] normalizer(#attn.softmax) {attn.plan = #attn.plan<online, rows_minor, rows = 8, keys = 4 split 8, lanes = 8, register_tile = [2, 1]>}
  return %0#0 : tensor<5x3xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#t = affine_map<(i, j, d, e) -> (i)>

func.func @topk_on_gpu(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>,
    %o: tensor<5x3xf32>, %h: tensor<5x2xf32>, %x: tensor<5x2xi32>) -> tensor<5x3xf32> {
  // expected-error @below {{cannot be compiled for a GPU yet: result 'topk_values' (out, lse and max can)}}
  %0:3 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<5x3xf32>, topk_values %h : tensor<5x2xf32>, topk_indices %x : tensor<5x2xi32>)
    maps [#q, #k, #v, #o, #t, #t] normalizer(#attn.softmax) {attn.plan = #attn.plan<online, rows_major, rows = 64, keys = 64, lanes = 32, register_tile = [16, 8], precision = f16, warps = 4, stages = 2>}
  return %0#0 : tensor<5x3xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 8, keys = 4, lanes = 8, register_tile = [2, 1]>

func.func @unknown_head_size(%q: tensor<5x?xf32>, %k: tensor<7x?xf32>, %v: tensor<7x3xf32>,
                             %o: tensor<5x3xf32>) -> tensor<5x3xf32> {
  // expected-error @below {{cannot tile with 'D' of unknown size: compiling asks for a static one}}
  %0 = attn.generic ins(%q, %k, %v : tensor<5x?xf32>, tensor<7x?xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<5x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
  return %0 : tensor<5x3xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_major, rows = 2, keys = 4, lanes = 8, register_tile = [2, 1]>

func.func @rows_major_has_no_tail(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>,
                                  %o: tensor<5x3xf32>) -> tensor<5x3xf32> {
  // expected-error @below {{cannot tile in orientation 'rows_major', which knows no tail of rows: expects N to be a multiple of 'rows', got N = 5 and rows = 2}}
  %0 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<5x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
  return %0 : tensor<5x3xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 8, keys = 4, lanes = 8, register_tile = [2, 1]>

func.func @no_rows(%q: tensor<0x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>, %o: tensor<0x3xf32>)
    -> tensor<0x3xf32> {
  // expected-error @below {{cannot tile results without elements: row loop 0 has the static size 0; kernels take 0 for sizes that are unknown}}
  %0 = attn.generic ins(%q, %k, %v : tensor<0x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<0x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
  return %0 : tensor<0x3xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#w = affine_map<(i, j, d, e) -> (i, j)>

func.func @split_weights(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>, %o: tensor<5x3xf32>,
                         %w: tensor<5x7xf32>) -> (tensor<5x3xf32>, tensor<5x7xf32>) {
  // expected-error @below {{cannot tile result 'weights' with 'split' = 8: weights of any key need the states of all, expects a plan without 'split'}}
  %0:2 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<5x3xf32>, weights %w : tensor<5x7xf32>) maps [#q, #k, #v, #o, #w]
    normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 8, keys = 4 split 8, lanes = 8, register_tile = [2, 1]>}
  return %0#0, %0#1 : tensor<5x3xf32>, tensor<5x7xf32>
}
