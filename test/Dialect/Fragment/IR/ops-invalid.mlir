// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{expects rows to be a multiple of 16, got 24}}
func.func private @tile_c1(!fragment.tile<24x8xf32, accumulator>)

// -----

// expected-error @below {{expects columns of layout 'operand' to be a multiple of 16, got 8}}
func.func private @tile_c2(!fragment.tile<16x8xf16, operand>)

// -----

// expected-error @below {{expects columns of layout 'rows' to be 1, got 8}}
func.func private @tile_c2_rows(!fragment.tile<16x8xf32, rows>)

// -----

// expected-error @below {{expects elements of layout 'operand' to be f16 or bf16, got 'f32'}}
func.func private @tile_c3(!fragment.tile<16x16xf32, operand>)

// -----

// expected-error @below {{unknown layout 'columns' (expected accumulator, operand, rows)}}
func.func private @tile_layout(!fragment.tile<16x16xf32, columns>)

// -----

// expected-error @below {{expects at least one stage, rows to be a multiple of 8 and columns one of 16, got 2, 64 and 20}}
func.func private @shared_c1(!fragment.shared<2x64x20xf16>)

// -----

func.func @fetch_c1(%view: memref<?x48xf32>, %k: !fragment.shared<2x32x48xf16>) {
  %c0 = arith.constant 0 : index
  // expected-error @below {{expects a view of rank 2 and of 'f16', got 'memref<?x48xf32>'}}
  fragment.fetch %view into %k[%c0] : memref<?x48xf32> into !fragment.shared<2x32x48xf16>
  return
}

// -----

func.func @fetch_c1_columns(%view: memref<?x64xf16>, %k: !fragment.shared<2x32x48xf16>) {
  %c0 = arith.constant 0 : index
  // expected-error @below {{expects at most 48 columns, got 64}}
  fragment.fetch %view into %k[%c0] : memref<?x64xf16> into !fragment.shared<2x32x48xf16>
  return
}

// -----

func.func @dot_c1(%a: !fragment.tile<16x32xf16, operand>, %k: !fragment.shared<1x32x48xf16>,
                  %c: !fragment.tile<16x32xf32, accumulator>) {
  %c0 = arith.constant 0 : index
  // expected-error @below {{expects the inner sizes to agree, got 32 and 48}}
  %s = fragment.dot transposed %a, %k[%c0], %c
    : !fragment.tile<16x32xf16, operand>, !fragment.shared<1x32x48xf16>, !fragment.tile<16x32xf32, accumulator>
  return
}

// -----

func.func @dot_c2(%a: !fragment.tile<16x48xbf16, operand>, %k: !fragment.shared<1x32x48xf16>,
                  %c: !fragment.tile<16x32xf32, accumulator>) {
  %c0 = arith.constant 0 : index
  // expected-error @below {{expects factors of one type and sums of f32, got 'bf16', 'f16'}}
  %s = fragment.dot transposed %a, %k[%c0], %c
    : !fragment.tile<16x48xbf16, operand>, !fragment.shared<1x32x48xf16>, !fragment.tile<16x32xf32, accumulator>
  return
}

// -----

func.func @map_c1(%s: !fragment.tile<16x32xf32, accumulator>, %other: !fragment.tile<16x16xf32, accumulator>) {
  // expected-error @below {{expects tiles like the first result, or operands of layout 'rows'}}
  %p = fragment.map(%s, %other)
      : (!fragment.tile<16x32xf32, accumulator>, !fragment.tile<16x16xf32, accumulator>)
      -> !fragment.tile<16x32xf32, accumulator> {
  ^bb0(%x: f32, %y: f32, %row: index, %column: index):
    fragment.yield %x : f32
  }
  return
}

// -----

func.func @map_c2(%s: !fragment.tile<16x32xf32, accumulator>) {
  // expected-error @below {{expects block arguments to be the elements, then row and column}}
  %p = fragment.map(%s) : (!fragment.tile<16x32xf32, accumulator>) -> !fragment.tile<16x32xf32, accumulator> {
  ^bb0(%x: f32, %row: index):
    fragment.yield %x : f32
  }
  return
}

// -----

func.func @store_c1(%o: !fragment.tile<16x32xf32, accumulator>, %out: memref<?x32xf16>) {
  // expected-error @below {{expects a view of rank 2 and of 'f32', got 'memref<?x32xf16>'}}
  fragment.store %o, %out : !fragment.tile<16x32xf32, accumulator>, memref<?x32xf16>
  return
}
