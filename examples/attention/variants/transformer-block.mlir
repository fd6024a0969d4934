// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A whole transformer block in one kernel: y = x + attention(norm(x)), then y + feed-forward(norm(y)). Norms are
// LayerNorms; attention is causal with rotary positions, four heads in pairs that share keys and values; the feed-forward
// is GELU, in its form with tanh, between two products. Each group of ops that is computed tile by tile becomes a stage, a
// parallel loop of its own; what stages hand on lies in the workspace.
// Shapes: x and out [2, 50, 64]; w_qkv [64, 128], Q, K and V side by side; w_o [64, 64]; w_up [64, 256]; w_down [256, 64]; a
// bias of its columns for each but w_qkv; gain and shift of the norms [64]; cos and sin [50, 8].
// Source: Vaswani et al. 2017, sec. 3; norms before the parts: Xiong et al. 2020; GELU: Hendrycks and Gimpel 2016.
#all = affine_map<(b, n, d) -> (b, n, d)>
#row = affine_map<(b, n, d) -> (b, n)>
#column = affine_map<(b, n, d) -> (d)>
#left = affine_map<(b, n, o, k) -> (b, n, k)>
#right = affine_map<(b, n, o, k) -> (k, o)>
#product = affine_map<(b, n, o, k) -> (b, n, o)>

func.func @transformer_block(%x: tensor<2x50x64xf32> {attn.name = "x"}, %w_qkv: tensor<64x128xf32> {attn.name = "w_qkv"},
    %w_o: tensor<64x64xf32> {attn.name = "w_o"}, %b_o: tensor<64xf32> {attn.name = "b_o"},
    %w_up: tensor<64x256xf32> {attn.name = "w_up"}, %b_up: tensor<256xf32> {attn.name = "b_up"},
    %w_down: tensor<256x64xf32> {attn.name = "w_down"}, %b_down: tensor<64xf32> {attn.name = "b_down"},
    %gain1: tensor<64xf32> {attn.name = "gain1"}, %shift1: tensor<64xf32> {attn.name = "shift1"},
    %gain2: tensor<64xf32> {attn.name = "gain2"}, %shift2: tensor<64xf32> {attn.name = "shift2"},
    %cos: tensor<50x8xf32> {attn.name = "cos"}, %sin: tensor<50x8xf32> {attn.name = "sin"})
    -> (tensor<2x50x64xf32> {attn.name = "out"}) {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %inverse = arith.constant 0.015625 : f32
  %epsilon = arith.constant 1.0e-5 : f32
  %root = arith.constant 0.797884583 : f32
  %cubic = arith.constant 0.044715 : f32
  %row_sums = tensor.empty() : tensor<2x50xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%row_sums : tensor<2x50xf32>) -> tensor<2x50xf32>
  %rows = tensor.empty() : tensor<2x50x64xf32>
  %zero_rows = linalg.fill ins(%zero : f32) outs(%rows : tensor<2x50x64xf32>) -> tensor<2x50x64xf32>
  %wide = tensor.empty() : tensor<2x50x256xf32>
  %zero_wide = linalg.fill ins(%zero : f32) outs(%wide : tensor<2x50x256xf32>) -> tensor<2x50x256xf32>

  // Norm 1: (x - mean) / sqrt(variance + 1e-5) * gain + shift.
  %sum1 = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x : tensor<2x50x64xf32>) outs(%zeros : tensor<2x50xf32>) {
  ^bb0(%e: f32, %s: f32):
    %next = arith.addf %s, %e : f32
    linalg.yield %next : f32
  } -> tensor<2x50xf32>
  %squares1 = linalg.generic {indexing_maps = [#all, #row, #row],
                                iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %sum1 : tensor<2x50x64xf32>, tensor<2x50xf32>) outs(%zeros : tensor<2x50xf32>) {
  ^bb0(%e: f32, %s: f32, %squares: f32):
    %mean = arith.mulf %s, %inverse : f32
    %centred = arith.subf %e, %mean : f32
    %square = arith.mulf %centred, %centred : f32
    %next = arith.addf %squares, %square : f32
    linalg.yield %next : f32
  } -> tensor<2x50xf32>
  %normed1 = linalg.generic {indexing_maps = [#all, #row, #row, #column, #column, #all],
                               iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x, %sum1, %squares1, %gain1, %shift1 : tensor<2x50x64xf32>, tensor<2x50xf32>, tensor<2x50xf32>,
        tensor<64xf32>, tensor<64xf32>) outs(%rows : tensor<2x50x64xf32>) {
  ^bb0(%e: f32, %s: f32, %squares: f32, %gain: f32, %shift: f32, %unused: f32):
    %mean = arith.mulf %s, %inverse : f32
    %centred = arith.subf %e, %mean : f32
    %variance = arith.mulf %squares, %inverse : f32
    %safe = arith.addf %variance, %epsilon : f32
    %deviation = math.sqrt %safe : f32
    %scaled = arith.divf %centred, %deviation : f32
    %gained = arith.mulf %scaled, %gain : f32
    %result = arith.addf %gained, %shift : f32
    linalg.yield %result : f32
  } -> tensor<2x50x64xf32>

  // Attention, added to what came in.
  %attended = attn.multi_head %normed1 weights(%w_qkv : tensor<64x128xf32>) out(%w_o : tensor<64x64xf32>)
    out_bias(%b_o : tensor<64xf32>) heads(4, 2) rope(%cos, %sin : tensor<50x8xf32>, tensor<50x8xf32>) causal(top_left)
    : (tensor<2x50x64xf32>) -> tensor<2x50x64xf32>
  %y = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x, %attended : tensor<2x50x64xf32>, tensor<2x50x64xf32>) outs(%rows : tensor<2x50x64xf32>) {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %sum = arith.addf %a, %b : f32
    linalg.yield %sum : f32
  } -> tensor<2x50x64xf32>

  // Norm 2: (x - mean) / sqrt(variance + 1e-5) * gain + shift.
  %sum2 = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%y : tensor<2x50x64xf32>) outs(%zeros : tensor<2x50xf32>) {
  ^bb0(%e: f32, %s: f32):
    %next = arith.addf %s, %e : f32
    linalg.yield %next : f32
  } -> tensor<2x50xf32>
  %squares2 = linalg.generic {indexing_maps = [#all, #row, #row],
                                iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%y, %sum2 : tensor<2x50x64xf32>, tensor<2x50xf32>) outs(%zeros : tensor<2x50xf32>) {
  ^bb0(%e: f32, %s: f32, %squares: f32):
    %mean = arith.mulf %s, %inverse : f32
    %centred = arith.subf %e, %mean : f32
    %square = arith.mulf %centred, %centred : f32
    %next = arith.addf %squares, %square : f32
    linalg.yield %next : f32
  } -> tensor<2x50xf32>
  %normed2 = linalg.generic {indexing_maps = [#all, #row, #row, #column, #column, #all],
                               iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%y, %sum2, %squares2, %gain2, %shift2 : tensor<2x50x64xf32>, tensor<2x50xf32>, tensor<2x50xf32>,
        tensor<64xf32>, tensor<64xf32>) outs(%rows : tensor<2x50x64xf32>) {
  ^bb0(%e: f32, %s: f32, %squares: f32, %gain: f32, %shift: f32, %unused: f32):
    %mean = arith.mulf %s, %inverse : f32
    %centred = arith.subf %e, %mean : f32
    %variance = arith.mulf %squares, %inverse : f32
    %safe = arith.addf %variance, %epsilon : f32
    %deviation = math.sqrt %safe : f32
    %scaled = arith.divf %centred, %deviation : f32
    %gained = arith.mulf %scaled, %gain : f32
    %result = arith.addf %gained, %shift : f32
    linalg.yield %result : f32
  } -> tensor<2x50x64xf32>

  // Feed-forward, added to what came in.
  %up = linalg.generic {indexing_maps = [#left, #right, #product],
                        iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%normed2, %w_up : tensor<2x50x64xf32>, tensor<64x256xf32>) outs(%zero_wide : tensor<2x50x256xf32>) {
  ^bb0(%a: f32, %w: f32, %s: f32):
    %term = arith.mulf %a, %w : f32
    %next = arith.addf %s, %term : f32
    linalg.yield %next : f32
  } -> tensor<2x50x256xf32>
  %active = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%up, %b_up : tensor<2x50x256xf32>, tensor<256xf32>) outs(%wide : tensor<2x50x256xf32>) {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %u = arith.addf %a, %b : f32
    %u2 = arith.mulf %u, %u : f32
    %u3 = arith.mulf %u2, %u : f32
    %bent = arith.mulf %u3, %cubic : f32
    %inner = arith.addf %u, %bent : f32
    %angle = arith.mulf %inner, %root : f32
    %tanh = math.tanh %angle : f32
    %gate = arith.addf %tanh, %one : f32
    %halved = arith.mulf %u, %half : f32
    %gelu = arith.mulf %halved, %gate : f32
    linalg.yield %gelu : f32
  } -> tensor<2x50x256xf32>
  %down = linalg.generic {indexing_maps = [#left, #right, #product],
                          iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%active, %w_down : tensor<2x50x256xf32>, tensor<256x64xf32>) outs(%zero_rows : tensor<2x50x64xf32>) {
  ^bb0(%a: f32, %w: f32, %s: f32):
    %term = arith.mulf %a, %w : f32
    %next = arith.addf %s, %term : f32
    linalg.yield %next : f32
  } -> tensor<2x50x64xf32>
  %out = linalg.generic {indexing_maps = [#all, #column, #all, #all],
                         iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%down, %b_down, %y : tensor<2x50x64xf32>, tensor<64xf32>, tensor<2x50x64xf32>)
    outs(%rows : tensor<2x50x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %unused: f32):
    %biased = arith.addf %a, %b : f32
    %sum = arith.addf %biased, %c : f32
    linalg.yield %sum : f32
  } -> tensor<2x50x64xf32>
  return %out : tensor<2x50x64xf32>
}
