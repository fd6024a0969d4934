// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What seed5-case463.mlir means.
func.func @kernel(%x: tensor<?x?x8xbf16> {attn.name = "x"},
                  %y: tensor<?x?x1xbf16> {attn.name = "y"},
                  %wq: tensor<51x8xbf16> {attn.name = "wq"},
                  %wk: tensor<17x1xbf16> {attn.name = "wk"},
                  %wv: tensor<8x1xbf16> {attn.name = "wv"},
                  %wo: tensor<65x24xbf16> {attn.name = "wo"})
    -> (tensor<?x?x65xbf16> {attn.name = "out"}) {
  %zero = arith.constant 0.0 : f32
  %at_b = arith.constant 0 : index
  %at_n = arith.constant 1 : index
  %n_b = tensor.dim %x, %at_b : tensor<?x?x8xbf16>
  %n_i = tensor.dim %x, %at_n : tensor<?x?x8xbf16>
  %n_j = tensor.dim %y, %at_n : tensor<?x?x1xbf16>
  %q_init = tensor.empty(%n_b, %n_i) : tensor<?x?x51xf32>
  %q_zero = linalg.fill ins(%zero : f32) outs(%q_init : tensor<?x?x51xf32>) -> tensor<?x?x51xf32>
  %q_sum = linalg.generic {indexing_maps = [affine_map<(b, n, o, k) -> (b, n, k)>, affine_map<(b, n, o, k) -> (o, k)>, affine_map<(b, n, o, k) -> (b, n, o)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %wq : tensor<?x?x8xbf16>, tensor<51x8xbf16>) outs(%q_zero : tensor<?x?x51xf32>) {
  ^bb0(%l: bf16, %c: bf16, %s: f32):
    %lw = arith.extf %l : bf16 to f32
    %cw = arith.extf %c : bf16 to f32
    %t = arith.mulf %lw, %cw : f32
    %next = arith.addf %s, %t : f32
    linalg.yield %next : f32
  } -> tensor<?x?x51xf32>
  %q_out = tensor.empty(%n_b, %n_i) : tensor<?x?x51xbf16>
  %q = linalg.generic {indexing_maps = [affine_map<(b, n, o) -> (b, n, o)>, affine_map<(b, n, o) -> (b, n, o)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%q_sum : tensor<?x?x51xf32>) outs(%q_out : tensor<?x?x51xbf16>) {
  ^bb0(%s: f32, %unused: bf16):
    %narrow = arith.truncf %s : f32 to bf16
    linalg.yield %narrow : bf16
  } -> tensor<?x?x51xbf16>
  %k_init = tensor.empty(%n_b, %n_j) : tensor<?x?x17xf32>
  %k_zero = linalg.fill ins(%zero : f32) outs(%k_init : tensor<?x?x17xf32>) -> tensor<?x?x17xf32>
  %k_sum = linalg.generic {indexing_maps = [affine_map<(b, n, o, k) -> (b, n, k)>, affine_map<(b, n, o, k) -> (o, k)>, affine_map<(b, n, o, k) -> (b, n, o)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%y, %wk : tensor<?x?x1xbf16>, tensor<17x1xbf16>) outs(%k_zero : tensor<?x?x17xf32>) {
  ^bb0(%l: bf16, %c: bf16, %s: f32):
    %lw = arith.extf %l : bf16 to f32
    %cw = arith.extf %c : bf16 to f32
    %t = arith.mulf %lw, %cw : f32
    %next = arith.addf %s, %t : f32
    linalg.yield %next : f32
  } -> tensor<?x?x17xf32>
  %k_out = tensor.empty(%n_b, %n_j) : tensor<?x?x17xbf16>
  %k = linalg.generic {indexing_maps = [affine_map<(b, n, o) -> (b, n, o)>, affine_map<(b, n, o) -> (b, n, o)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%k_sum : tensor<?x?x17xf32>) outs(%k_out : tensor<?x?x17xbf16>) {
  ^bb0(%s: f32, %unused: bf16):
    %narrow = arith.truncf %s : f32 to bf16
    linalg.yield %narrow : bf16
  } -> tensor<?x?x17xbf16>
  %v_init = tensor.empty(%n_b, %n_j) : tensor<?x?x8xf32>
  %v_zero = linalg.fill ins(%zero : f32) outs(%v_init : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %v_sum = linalg.generic {indexing_maps = [affine_map<(b, n, o, k) -> (b, n, k)>, affine_map<(b, n, o, k) -> (o, k)>, affine_map<(b, n, o, k) -> (b, n, o)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%y, %wv : tensor<?x?x1xbf16>, tensor<8x1xbf16>) outs(%v_zero : tensor<?x?x8xf32>) {
  ^bb0(%l: bf16, %c: bf16, %s: f32):
    %lw = arith.extf %l : bf16 to f32
    %cw = arith.extf %c : bf16 to f32
    %t = arith.mulf %lw, %cw : f32
    %next = arith.addf %s, %t : f32
    linalg.yield %next : f32
  } -> tensor<?x?x8xf32>
  %v_out = tensor.empty(%n_b, %n_j) : tensor<?x?x8xbf16>
  %v = linalg.generic {indexing_maps = [affine_map<(b, n, o) -> (b, n, o)>, affine_map<(b, n, o) -> (b, n, o)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%v_sum : tensor<?x?x8xf32>) outs(%v_out : tensor<?x?x8xbf16>) {
  ^bb0(%s: f32, %unused: bf16):
    %narrow = arith.truncf %s : f32 to bf16
    linalg.yield %narrow : bf16
  } -> tensor<?x?x8xbf16>
  %q_heads = tensor.expand_shape %q [[0], [1], [2, 3, 4]] output_shape [%n_b, %n_i, 1, 3, 17] : tensor<?x?x51xbf16> into tensor<?x?x1x3x17xbf16>
  %k_heads = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%n_b, %n_j, 1, 17] : tensor<?x?x17xbf16> into tensor<?x?x1x17xbf16>
  %v_heads = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [%n_b, %n_j, 1, 8] : tensor<?x?x8xbf16> into tensor<?x?x1x8xbf16>
  %o_init = tensor.empty(%n_b, %n_i) : tensor<?x?x1x3x8xbf16>
  %o = attn.generic ins(%q_heads, %k_heads, %v_heads : tensor<?x?x1x3x17xbf16>, tensor<?x?x1x17xbf16>, tensor<?x?x1x8xbf16>)
    outs(out %o_init : tensor<?x?x1x3x8xbf16>) maps [affine_map<(b, h, g, i, j, d, e) -> (b, i, h, g, d)>, affine_map<(b, h, g, i, j, d, e) -> (b, j, h, d)>, affine_map<(b, h, g, i, j, d, e) -> (b, j, h, e)>, affine_map<(b, h, g, i, j, d, e) -> (b, i, h, g, e)>]
    scale(2.42535625036332969e-01) normalizer(#attn.softmax) mask {
      %i = attn.index 3
      %j = attn.index 4
      %keep = arith.cmpi sle, %j, %i : index
      attn.yield %keep : i1
    }
  %joined = tensor.collapse_shape %o [[0], [1], [2, 3, 4]] : tensor<?x?x1x3x8xbf16> into tensor<?x?x24xbf16>
  %r_init = tensor.empty(%n_b, %n_i) : tensor<?x?x65xf32>
  %r_zero = linalg.fill ins(%zero : f32) outs(%r_init : tensor<?x?x65xf32>) -> tensor<?x?x65xf32>
  %r_sum = linalg.generic {indexing_maps = [affine_map<(b, n, o, k) -> (b, n, k)>, affine_map<(b, n, o, k) -> (o, k)>, affine_map<(b, n, o, k) -> (b, n, o)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%joined, %wo : tensor<?x?x24xbf16>, tensor<65x24xbf16>) outs(%r_zero : tensor<?x?x65xf32>) {
  ^bb0(%l: bf16, %c: bf16, %s: f32):
    %lw = arith.extf %l : bf16 to f32
    %cw = arith.extf %c : bf16 to f32
    %t = arith.mulf %lw, %cw : f32
    %next = arith.addf %s, %t : f32
    linalg.yield %next : f32
  } -> tensor<?x?x65xf32>
  %r_out = tensor.empty(%n_b, %n_i) : tensor<?x?x65xbf16>
  %r = linalg.generic {indexing_maps = [affine_map<(b, n, o) -> (b, n, o)>, affine_map<(b, n, o) -> (b, n, o)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%r_sum : tensor<?x?x65xf32>) outs(%r_out : tensor<?x?x65xbf16>) {
  ^bb0(%s: f32, %unused: bf16):
    %narrow = arith.truncf %s : f32 to bf16
    linalg.yield %narrow : bf16
  } -> tensor<?x?x65xbf16>
  return %r : tensor<?x?x65xbf16>
}
