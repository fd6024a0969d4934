// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s | attn-opt | FileCheck %s

// CHECK-LABEL: func.func private @attributes
//  CHECK-SAME:   a = #attn.softmax, b = #attn.softmax_sink, c = #attn.sigmoid, d = #attn.identity
//  CHECK-SAME:   e = #attn.plan<online, rows_minor, rows = 64, keys = 96, lanes = 16, register_tile = [4, 4]>
//  CHECK-SAME:   f = #attn<result topk_values>
//  CHECK-SAME:   g = #attn.plan<online, rows_major, rows = 3, keys = 96, lanes = 16, register_tile = [2, 8]>
func.func private @attributes() attributes {
  a = #attn.softmax, b = #attn.softmax_sink, c = #attn.sigmoid, d = #attn.identity,
  e = #attn.plan<online, rows_minor, rows = 64, keys = 96, lanes = 16, register_tile = [4, 4]>,
  f = #attn<result topk_values>,
  g = #attn.plan<online, rows_major, rows = 3, keys = 96, lanes = 16, register_tile = [2, 8]>}
