// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_DIALECT_ATTENTION_IR_ATTENTIONOPS_TD
#define ATTN_DIALECT_ATTENTION_IR_ATTENTIONOPS_TD

include "attn/Dialect/Attention/IR/AttentionAttrs.td"
include "attn/Dialect/Attention/IR/AttentionDialect.td"
include "attn/Dialect/Attention/IR/AttentionInterfaces.td"
include "attn/Dialect/Attention/IR/AttentionTypes.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Attn_ResultTensor : RankedTensorOf<[F16, BF16, F32, F64, I32, I64]>;
def Attn_Query4D : Type<And<[RankedTensorOf<[Attn_Float]>.predicate, HasAnyRankOfPred<[4]>]>,
                        "[B,H,N,D] (or [B,N,H,D]) tensor of f16, bf16, f32 or f64", "::mlir::RankedTensorType">;
def Attn_Key4D : Type<Attn_Query4D.predicate, "[B,Hkv,M,D] (or [B,M,Hkv,D]) tensor of f16, bf16, f32 or f64",
                      "::mlir::RankedTensorType">;
def Attn_Value4D : Type<Attn_Query4D.predicate, "[B,Hkv,M,Dv] (or [B,M,Hkv,Dv]) tensor of f16, bf16, f32 or f64",
                        "::mlir::RankedTensorType">;

//===----------------------------------------------------------------------===//
// Named ops
//===----------------------------------------------------------------------===//

def Attn_SdpaOp : Attn_Op<"sdpa", [Pure, AttrSizedOperandSegments,
                                   DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "Scaled dot-product attention";
  let description = [{
    For every batch b, query head h and query row i, with `g(h) = h / (H / Hkv)`:

        s[j]       = scale * sum_d Q[b,h,i,d] * K[b,g(h),j,d] + bias[b,h,i,j]
        keep[j]    = mask[b,h,i,j] and causal(i, j)
        w[j]       = exp(s[j]) / sum_{k kept} exp(s[k])   for kept j, else 0
        O[b,h,i,:] = sum_{j kept} w[j] * V[b,g(h),j,:]

    where `causal(top_left)` keeps `j <= i` and `causal(bottom_right)` keeps `j <= i + M - N`. Multi-head attention has
    Hkv = H, multi-query attention Hkv = 1, grouped-query attention something between; cross-attention has M != N.

    **Shapes** (elements), `layout(bhnd)`, the default: Q `[B,H,N,D]`, K `[B,Hkv,M,D]`, V `[B,Hkv,M,Dv]`, out `[B,H,N,Dv]`;
    `layout(bnhd)`: Q `[B,N,H,D]`, K `[B,M,Hkv,D]`, V `[B,M,Hkv,Dv]`, out `[B,N,H,Dv]`. In both layouts `bias` (float) and
    `mask` (i1, true keeps) broadcast to `[B,H,N,M]` from the right as in numpy (rank 1 to 4, sizes of static 1 repeat),
    `lse` is `[B,H,N]`, `weights` is `[B,H,N,M]`, and `topk_values` and `topk_indices` are `[B,H,N,k]`: the k largest
    weights of each row in descending order, and their keys from 0 to M - 1 (as of `attn.generic`).

    **Numbers**: `scale` has no unit and defaults to `1/sqrt(D)`. Scores, sums and `lse` are f32 for f16, bf16 and f32
    inputs and f64 for f64 inputs. A key whose score is -inf counts as masked.

    **Edges**: a row whose keys are all masked gives zeros, never NaN, and `lse = -inf`; `M = 0` is such a row. What is
    masked contributes nothing, whatever K and V hold there. A NaN score of a kept key gives NaN. Ranks beyond the keys
    that are kept hold the value 0 and the index -1; of a row of NaN every value is NaN and every index -1.

    **Constraints**
    * C1 Q, K and V agree on the batch size B.
    * C2 Q and K agree on the head size D.
    * C3 K and V agree on Hkv and on M.
    * C4 H is a multiple of Hkv.
    * C5 `bias` and `mask` have rank 1 to 4 and broadcast to `[B,H,N,M]`.
    * C6 result kinds are `out` first, then any of `lse`, `weights`, `topk_values`, `topk_indices`, each at most once, one
      result type each, top-k values and indices together with one static k of at least 1.
    * C7 results have the shapes above; `out` has the element type of Q, `topk_indices` holds i32 or i64, the others the
      accumulator type.
    * C8 Q, K and V have one element type; `bias` is float, `mask` is i1.
    * C9 without `scale`, D is static and not 0.

    **Source**: Vaswani et al. 2017, eq. (1); grouped heads: Ainslie et al. 2023, sec. 2.2; multi-query: Shazeer 2019.

    ```mlir
    %o = attn.sdpa %q, %k, %v causal(bottom_right) scale(1.250000e-01)
       : (tensor<1x8x128x64xf32>, tensor<1x2x96x64xf32>, tensor<1x2x96x64xf32>) -> tensor<1x8x128x64xf32>
    %o2, %lse = attn.sdpa %q, %k, %v returns(out, lse)
       : (tensor<1x8x128x64xf32>, tensor<1x2x96x64xf32>, tensor<1x2x96x64xf32>)
       -> tensor<1x8x128x64xf32>, tensor<1x8x128xf32>
    %o3, %best, %where = attn.sdpa %q, %k, %v returns(out, topk_values, topk_indices)
       : (tensor<1x8x128x64xf32>, tensor<1x2x96x64xf32>, tensor<1x2x96x64xf32>)
       -> tensor<1x8x128x64xf32>, tensor<1x8x128x4xf32>, tensor<1x8x128x4xi32>
    ```
  }];
  let arguments = (ins Attn_Query4D:$query, Attn_Key4D:$key, Attn_Value4D:$value,
                       Optional<Attn_FloatTensor>:$bias, Optional<RankedTensorOf<[I1]>>:$mask,
                       OptionalAttr<Attn_CausalKindAttr>:$causal,
                       DefaultValuedAttr<Attn_LayoutAttr, "::attn::Layout::BHND">:$layout,
                       OptionalAttr<F64Attr>:$scale, Attn_ResultKindArrayAttr:$result_kinds);
  let results = (outs Variadic<Attn_ResultTensor>:$results);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    (`bias` `(` $bias^ `:` type($bias) `)`)? (`mask` `(` $mask^ `:` type($mask) `)`)?
    `` custom<CausalAndLayout>($causal, $layout) (`scale` `(` $scale^ `)`)? `` custom<Returns>($result_kinds) attr-dict
    `:` `(` type($query) `,` type($key) `,` type($value) `)` `->` type($results)
  }];
  let builders = [
    /// softmax(scale Q K^T) V with the result type derived from Q and V; the default scale.
    OpBuilder<(ins "::mlir::Value":$query, "::mlir::Value":$key, "::mlir::Value":$value)>
  ];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The scale, `1/sqrt(D)` where none is given.
    double getScaleFactor();
    /// The result that holds `kind`, or null.
    ::mlir::Value getResultOfKind(::attn::ResultKind kind);
    /// Sizes by letter, kDynamic where unknown.
    int64_t getBatch(); int64_t getHeads(); int64_t getKvHeads(); int64_t getQueryRows(); int64_t getKeyRows();
    int64_t getHeadSize(); int64_t getValueHeadSize();
    /// Dimension numbers of heads and rows in this op's layout.
    unsigned getHeadDim() { return getLayout() == Layout::BHND ? 1 : 2; }
    unsigned getRowDim() { return getLayout() == Layout::BHND ? 2 : 1; }
  }];
}

def Attn_Vector : Type<And<[RankedTensorOf<[Attn_Float]>.predicate, HasAnyRankOfPred<[1]>]>,
                       "[D] tensor of f16, bf16, f32 or f64", "::mlir::RankedTensorType">;

def Attn_AdditiveOp : Attn_Op<"additive", [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                                                          ["reifyResultShapes"]>]> {
  let summary = "Additive attention";
  let description = [{
    For every batch b and query row i, with projected rows Q of the decoder and K of the encoder:

        s[j]     = sum_d weight[d] * tanh(Q[b,i,d] + K[b,j,d])
        w[j]     = exp(s[j]) / sum_{k kept} exp(s[k])   for j with mask[b,i,j], else 0
        O[b,i,:] = sum_{j kept} w[j] * V[b,j,:]

    The projections (Wa s and Ua h in the paper, a bias added to either) are the caller's, so that those of the encoder are
    computed once for all steps of the decoder. In tiles of many rows tanh is made of e^2Q and e^2K, taken once a row.

    **Shapes** (elements): Q `[B,N,D]`, K `[B,M,D]`, V `[B,M,Dv]`, weight `[D]`, out `[B,N,Dv]`; `mask` (i1, true keeps)
    broadcasts to `[B,N,M]` from the right as in numpy (rank 1 to 3, sizes of static 1 repeat; padding of the source is
    `[B,1,M]`); `lse` is `[B,N]`; `weights`, the alignment, is `[B,N,M]`; `topk_values` and `topk_indices`, the k largest
    weights of each row and their keys, are `[B,N,k]`, with the edges of `attn.sdpa`. Step by step N is 1.

    **Numbers**: scores are natural, without a scale, and with sums and `lse` f32 (f64 for f64 inputs).

    **Edges**: a row whose keys are all masked gives zeros and `lse = -inf`; `M = 0` is such a row. What is masked
    contributes nothing, whatever K and V hold there. A NaN score of a kept key gives NaN.

    **Constraints**
    * C1 Q, K and V agree on the batch size B.
    * C2 Q, K and weight agree on D.
    * C3 K and V agree on M.
    * C4 `mask` has rank 1 to 3 and broadcasts to `[B,N,M]`.
    * C5 result kinds are `out` first, then any of `lse`, `weights`, `topk_values`, `topk_indices`, each at most once, one
      result type each, top-k values and indices together with one static k of at least 1.
    * C6 results have the shapes above; `out` has the element type of Q, `topk_indices` holds i32 or i64, the others the
      accumulator type.
    * C7 Q, K, V and weight have one element type; `mask` is i1.

    **Source**: Bahdanau, Cho and Bengio 2014, sec. 3.1 and A.1.2.

    ```mlir
    %context, %alignment = attn.additive %s, %h, %annotations weight(%v : tensor<1000xf32>)
       mask(%kept : tensor<64x1x50xi1>) returns(out, weights)
       : (tensor<64x1x1000xf32>, tensor<64x50x1000xf32>, tensor<64x50x2000xf32>)
       -> tensor<64x1x2000xf32>, tensor<64x1x50xf32>
    ```
  }];
  let arguments = (ins Attn_Tensor3D<"[B,N,D]">:$query, Attn_Tensor3D<"[B,M,D]">:$key, Attn_Tensor3D<"[B,M,Dv]">:$value,
                       Attn_Vector:$weight, Optional<RankedTensorOf<[I1]>>:$mask,
                       Attn_ResultKindArrayAttr:$result_kinds);
  let results = (outs Variadic<Attn_ResultTensor>:$results);
  let assemblyFormat = [{
    $query `,` $key `,` $value `weight` `(` $weight `:` type($weight) `)` (`mask` `(` $mask^ `:` type($mask) `)`)?
    `` custom<Returns>($result_kinds) attr-dict
    `:` `(` type($query) `,` type($key) `,` type($value) `)` `->` type($results)
  }];
  let hasVerifier = 1;
}

def Attn_RopeInput : Type<Attn_Query4D.predicate, "[B,H,N,D] (or [B,N,H,D]) tensor of f16, bf16, f32 or f64",
                          "::mlir::RankedTensorType">;
def Attn_Tensor2D : Type<And<[RankedTensorOf<[Attn_Float]>.predicate, HasAnyRankOfPred<[2]>]>,
                         "[P,C] tensor of f16, bf16, f32 or f64", "::mlir::RankedTensorType">;
def Attn_Positions : Type<And<[RankedTensorOf<[I32, I64, Index]>.predicate, HasAnyRankOfPred<[1, 2]>]>,
                          "[N] or [B,N] tensor of i32, i64 or index", "::mlir::RankedTensorType">;

def Attn_RopeOp : Attn_Op<"rope", [Pure, TypesMatchWith<"the result has the type of the input", "input", "result", "$_self">,
                                   TypesMatchWith<"both tables have one type", "cos", "sin", "$_self">,
                                   DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "Rotary positions";
  let description = [{
    Turns pairs of elements of a row by angles that grow with its position, so that the product of a row of Q and one of K
    depends on the distance of their positions only. With tables of C angles for each position, the first `R = 2 C`
    elements of a row are turned. For pair m of C, row i and `p = positions[b,i]` (without `positions`, `p = i`):

        out[.., u] = x[.., u] * cos[p, m] - x[.., w] * sin[p, m]
        out[.., w] = x[.., w] * cos[p, m] + x[.., u] * sin[p, m]
        out[.., d] = x[.., d]                                          for d >= 2 C: partial rotation

    where the pair is the elements `u = m`, `w = m + C` of a row (half-rotated, the default), or `u = 2 m`, `w = 2 m + 1`
    (`interleaved`). Usual tables hold the cosine and sine of `p * 10000^(-m / C)`, in radians; which ones they hold is the
    caller's affair, so that any scaling of positions or frequencies goes in.

    **Shapes** (elements): input and result `[B,H,N,D]`, with `layout(bnhd)` `[B,N,H,D]`; cos and sin `[P,C]`; `positions`
    `[N]` or `[B,N]`, rows of the tables.

    **Numbers**: computed in f32 (f64 for f64 inputs), rounded to the element type of the input once.

    **Edges**: R = 2 C is even by its definition; where a model's R is odd, its last element is not turned. A position below 0
    or beyond P - 1 counts as the nearest one that the tables have. Elements from 2 C on are passed on, NaN as well.

    **Constraints**
    * C1 C is static, at least 1, and 2 C is at most D.
    * C2 without `positions`, P is at least N; with them, at least 1.
    * C3 `positions` agrees with the input on N and, with rank 2, on B.
    * C4 cos and sin have one type; the result has the type of the input.

    **Source**: Su et al. 2021 (RoFormer), eq. (34), which pairs neighbours; halves and partial rotation: Black et al. 2022
    (GPT-NeoX), sec. 2.1.

    ```mlir
    %turned = attn.rope %q, %cos, %sin positions(%p : tensor<2x100xi32>) interleaved
       : (tensor<2x8x100x64xf32>, tensor<4096x16xf32>, tensor<4096x16xf32>) -> tensor<2x8x100x64xf32>
    ```
  }];
  let arguments = (ins Attn_RopeInput:$input, Attn_Tensor2D:$cos, Attn_Tensor2D:$sin, Optional<Attn_Positions>:$positions,
                       UnitAttr:$interleaved, DefaultValuedAttr<Attn_LayoutAttr, "::attn::Layout::BHND">:$layout);
  let results = (outs Attn_RopeInput:$result);
  let assemblyFormat = [{
    $input `,` $cos `,` $sin (`positions` `(` $positions^ `:` type($positions) `)`)? (`interleaved` $interleaved^)?
    `` custom<LayoutClause>($layout) attr-dict `:` `(` type($input) `,` type($cos) `,` type($sin) `)` `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Pairs that are turned.
    int64_t getNumPairs() { return getCos().getType().getDimSize(1); }
    unsigned getHeadDim() { return getLayout() == Layout::BHND ? 1 : 2; }
    unsigned getRowDim() { return getLayout() == Layout::BHND ? 2 : 1; }
  }];
}

def Attn_Weight : Type<Attn_Tensor2D.predicate, "[in,out] (or [out,in]) tensor of f16, bf16, f32 or f64",
                       "::mlir::RankedTensorType">;

def Attn_MultiHeadOp : Attn_Op<"multi_head", [Pure, AttrSizedOperandSegments,
                                   DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "Multi-head attention, from embeddings to embeddings";
  let description = [{
    With Y the memory of cross-attention, or X again where there is none, and `g(h) = h / (H / Hkv)`:

        Q = norm(heads(X Wq + bq))   K = norm(heads(Y Wk + bk))   V = heads(Y Wv + bv)
        O[b,:,h,:] = attention of rope(Q)[b,:,h,:], rope(K)[b,:,g(h),:] and V[b,:,g(h),:], as attn.sdpa defines it
        out = O Wo + bo                                                   with the heads of a row side by side

    `heads` splits the columns of a projection into H (of K and V Hkv) heads of D (of V: Dv) neighbours. `norm` and `rope`
    are there on request. `norm rms(gq, gk)` divides each row of a head by its root mean square, `norm layer(gq, gk)`
    takes its mean away and divides by its standard deviation, then multiplies with gains:

        rms:    x[d] * g[d] / sqrt(sum_c x[c]^2 / D + epsilon)
        layer:  (x[d] - m) * g[d] / sqrt(sum_c (x[c] - m)^2 / D + epsilon)        m = sum_c x[c] / D

    `rope(cos, sin)`, with `positions` and `interleaved`, is attn.rope of Q and of K.

    **Shapes** (elements): X `[B,N,E]`; Y `[B,M,Em]` (M = N without it); `weights` Wq `[E,H*D]`, Wk `[Em,Hkv*D]`, Wv
    `[Em,Hkv*Dv]`, or, packed, one of `[E,(H+2*Hkv)*D]` with the columns of Q, K and V in this order; Wo `[H*Dv,Eo]`. With
    `transposed` all weights are stored the other way round, `[out,in]`. `bias`: one vector for each of `weights`, as long
    as that has columns; `out_bias` `[Eo]`; gains `[D]`; cos and sin `[P,C]`, `positions` `[N]` or `[B,N]`; `mask` (i1, true
    keeps) broadcasts to `[B,H,N,M]` from the right as in numpy; out `[B,N,Eo]`.

    **Numbers**: products, norms and softmax are computed in f32 (f64 for f64 inputs). Q, K, V, what norm and rope make of
    them, and O are rounded to the element type of X once each. `scale` defaults to `1/sqrt(D)`, `epsilon` to 1e-6, which
    has the unit of x^2.

    **Edges**: a row whose keys are all masked gives bo; what is masked contributes nothing, but a NaN of Y that is not
    masked does. `heads(H)` means Hkv = H.

    **Constraints**
    * C1 there are three `weights`, or, without memory, one.
    * C2 weights have static sizes; those of the input agree with E, those of memory with Em.
    * C3 H is a multiple of Hkv, both at least 1; columns of weights are a multiple of the heads they hold, at least one a
      head, Wq and Wk agree on D, and Wo has H * Dv rows.
    * C4 there are no `bias` vectors or one for each of `weights`, of its columns; `out_bias` has Eo elements.
    * C5 `rope` goes without memory and keeps the constraints of attn.rope; `positions` and `interleaved` go with `rope`.
    * C6 `norm` has two vectors of gains, of D elements.
    * C7 `mask` has rank 1 to 4 and broadcasts to `[B,H,N,M]`.
    * C8 X, Y, weights, biases and gains have one element type; cos and sin have one type; `mask` is i1.
    * C9 X and Y agree on B; out is `[B,N,Eo]` of the element type of X.

    **Source**: Vaswani et al. 2017, sec. 3.2.2; grouped heads: Ainslie et al. 2023; QK-norm: Henry et al. 2020, as a
    layer norm Dehghani et al. 2023 (ViT-22B), sec. 2, as RMSNorm Team Gemma 2025 (Gemma 3), sec. 2.

    ```mlir
    %out = attn.multi_head %x weights(%wq, %wk, %wv : tensor<96x64xf32>, tensor<96x32xf32>, tensor<96x32xf32>)
       out(%wo : tensor<64x96xf32>) out_bias(%bo : tensor<96xf32>) heads(8, 4) norm rms(%g, %g : tensor<8xf32>, tensor<8xf32>)
       rope(%cos, %sin : tensor<512x4xf32>, tensor<512x4xf32>) causal(top_left)
       : (tensor<2x100x96xf32>) -> tensor<2x100x96xf32>
    %packed = attn.multi_head %y weights(%w : tensor<192x64xf32>) out(%u : tensor<64x64xf32>) transposed heads(4)
       : (tensor<2x?x64xf32>) -> tensor<2x?x64xf32>
    ```
  }];
  let arguments = (ins Attn_Tensor3D<"[B,N,E]">:$input, Optional<Attn_Tensor3D<"[B,M,Em]">>:$memory,
                       Variadic<Attn_Weight>:$weights, Attn_Weight:$out_weight,
                       Variadic<Attn_Vector>:$biases, Optional<Attn_Vector>:$out_bias, Variadic<Attn_Vector>:$gains,
                       Optional<Attn_Tensor2D>:$cos, Optional<Attn_Tensor2D>:$sin, Optional<Attn_Positions>:$positions,
                       Optional<RankedTensorOf<[I1]>>:$mask,
                       ConfinedAttr<I64Attr, [IntPositive]>:$heads, OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$kv_heads,
                       UnitAttr:$transposed, OptionalAttr<Attn_NormAttr>:$norm,
                       DefaultValuedAttr<F64Attr, "1.0e-6">:$epsilon, UnitAttr:$interleaved,
                       OptionalAttr<Attn_CausalKindAttr>:$causal, OptionalAttr<F64Attr>:$scale);
  let results = (outs Attn_Tensor3D<"[B,N,Eo]">:$result);
  let assemblyFormat = [{
    $input (`memory` `(` $memory^ `:` type($memory) `)`)? `weights` `(` $weights `:` type($weights) `)`
    `out` `(` $out_weight `:` type($out_weight) `)` (`transposed` $transposed^)?
    (`bias` `(` $biases^ `:` type($biases) `)`)? (`out_bias` `(` $out_bias^ `:` type($out_bias) `)`)?
    `heads` `(` $heads (`,` $kv_heads^)? `)`
    (`norm` $norm^ `(` $gains `:` type($gains) `)`)? (`epsilon` `(` $epsilon^ `)`)?
    (`rope` `(` $cos^ `,` $sin `:` type($cos) `,` type($sin) `)`)? (`positions` `(` $positions^ `:` type($positions) `)`)?
    (`interleaved` $interleaved^)?
    (`mask` `(` $mask^ `:` type($mask) `)`)? `` custom<CausalClause>($causal) (`scale` `(` $scale^ `)`)? attr-dict
    `:` `(` type($input) `)` `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getKvHeadCount() { return getKvHeads().value_or(getHeads()); }
    bool isPacked() { return getWeights().size() == 1; }
    /// Where keys and values come from.
    ::mlir::Value getSource() { return getMemory() ? getMemory() : ::mlir::Value(getInput()); }
    /// Rows and columns of a weight, whichever way it is stored.
    int64_t getInSize(::mlir::Value weight); int64_t getOutSize(::mlir::Value weight);
    /// D and Dv.
    int64_t getHeadSize(); int64_t getValueHeadSize();
  }];
}

//===----------------------------------------------------------------------===//
// The generic op
//===----------------------------------------------------------------------===//

def Attn_GenericOp : Attn_Op<"generic", [Pure, AttrSizedOperandSegments, IsolatedFromAbove,
                                         SingleBlock,
                                         DeclareOpInterfaceMethods<InferTypeOpInterface>,
                                         DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
                                         DeclareOpInterfaceMethods<Attn_ScoredOpInterface>,
                                         DestinationStyleOpInterface]> {
  let summary = "Two contractions with a normaliser between them";
  let description = [{
    **Loops** are the dimensions of the indexing maps, classified only by who uses them, never by their position:
    *batch* in Q, K, V and out (any number); *row* in Q and out only (at least one; the head group of grouped-query
    attention is one); *key* in K and V only (exactly one); *d* in Q and K only (one); *e* in V and out only (one).

        s(b,i,j)   = score(scale * sum_d similarity(Q[b,i,d], K[b,j,d], x..), y..)
        Kept(b,i)  = { j : mask(z..) and s(b,i,j) != -inf }
        w          = normalizer over the s(b,i,j) of Kept(b,i)
        out[b,i,e] = sum_{j in Kept(b,i)} w(b,i,j) * V[b,j,e]

    It is a sum over a set: what is not kept contributes nothing, whatever K and V hold there.

    **Operands**: element operands carry an indexing map and a role: similarity (over b, i, j, d), score and mask (over
    b, i, j), normalizer (over b, i). They are sliced with the tiles. Captures are scalars, or tables read by
    `tensor.extract` at computed indices; every region sees all of them, whole. `offsets` give, for each loop, the
    position of the op's first element in the whole problem.

    **Regions**, one pure block each of `arith`, `math`, `tensor.extract`, `attn.index`:
    `similarity(q, k, x.., captures..)`, default `q * k`, with q and k in accumulator type; `score(s, y.., captures..)`,
    default `s`; `mask(z.., captures..)`, default true. `attn.index` is the position in the whole problem.

    **Results** are written into `outs` (destination-passing): `out`; on request `lse`, `max`, `entropy` (b,i),
    `weights` (b,i,j), `topk_values` and `topk_indices` (b,i,k) with a trailing dimension k that is no loop: the weights of
    the k keys of Kept with the largest scores, in descending order of score, and those keys, counted from the op's
    first; of equal scores the smaller key comes first. Where weights rise with scores, as those of all normalizers here
    do, these are the k largest weights.

    **Numbers**: sums, scores and results beside out are f32, or f64 where Q, K or V is f64 (the accumulator type).

    **Edges**: an empty Kept gives out 0, `lse = max = -inf`, weights 0, entropy 0. Ranks beyond the keys of Kept have the
    index -1 and the value 0. A NaN score in Kept gives NaN, and indices of -1.

    **Constraints**
    * C1 there is one indexing map per tensor operand with loops, in the order query, key, value, similarity, score,
      mask, normalizer operands, outs; maps are projected permutations of the same loops without symbols, with one
      result per tensor dimension (top-k: all but the last).
    * C2 every loop is batch, row, key, d or e by its use in Q, K, V and out.
    * C3 there is exactly one key, one d and one e loop, and at least one row loop.
    * C4 static sizes that one loop gives to several operands are equal.
    * C5 element operands use only the loops of their role.
    * C6 outs are `out` first, then other kinds, each at most once, top-k values and indices together, with one map and
      one static k of at least 1 (compiling takes up to 64).
    * C7 results use exactly the loops of their kind.
    * C8 region arguments and yields have the types described above.
    * C9 captures are integers, indices, floats or ranked tensors.
    * C10 there is no offset, or one per loop.
    * C11 the normalizer defines every result asked for and has the number of operands it asks for.
    * C12 `lse`, `max`, `entropy`, `weights` and `topk_values` have the accumulator type, `topk_indices` is an integer
      (compiling takes i32 and i64).
    * C13 regions hold only pure ops of `arith`, `math`, `tensor.extract` and `attn.index`.

    **Source**: Vaswani et al. 2017; Bahdanau et al. 2015 (similarity `v * tanh(q + k)`).

    ```mlir
    %o = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>)
      outs(out %init : tensor<2x5x4xf32>)
      maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>,
            affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (b, i, e)>]
      scale(2.500000e-01) normalizer(#attn.softmax)
      mask {
        %i = attn.index 1
        %j = attn.index 2
        %keep = arith.cmpi sle, %j, %i : index
        attn.yield %keep : i1
      }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$query, Attn_FloatTensor:$key, Attn_FloatTensor:$value,
                       Variadic<AnyRankedTensor>:$similarity_operands, Variadic<AnyRankedTensor>:$score_operands,
                       Variadic<AnyRankedTensor>:$mask_operands, Variadic<AnyRankedTensor>:$normalizer_operands,
                       Variadic<AnyType>:$captures, Variadic<Index>:$offsets, Variadic<AnyRankedTensor>:$inits,
                       Attn_ResultKindArrayAttr:$result_kinds, AffineMapArrayAttr:$indexing_maps,
                       DefaultValuedAttr<F64Attr, "1.0">:$scale, Attn_Normalizer:$normalizer);
  let regions = (region MaxSizedRegion<1>:$similarity, MaxSizedRegion<1>:$score, MaxSizedRegion<1>:$mask);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,` type($value) `)`
    (`similarity_ins` `(` $similarity_operands^ `:` type($similarity_operands) `)`)?
    (`score_ins` `(` $score_operands^ `:` type($score_operands) `)`)?
    (`mask_ins` `(` $mask_operands^ `:` type($mask_operands) `)`)?
    (`normalizer_ins` `(` $normalizer_operands^ `:` type($normalizer_operands) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)? (`offsets` `(` $offsets^ `)`)?
    `outs` `(` custom<Outs>($inits, type($inits), $result_kinds) `)`
    `maps` $indexing_maps (`scale` `(` $scale^ `)`)? `normalizer` `(` $normalizer `)` attr-dict
    (`similarity` $similarity^)? (`score` $score^)? (`mask` $mask^)?
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    /// The init that receives `kind`, or null.
    ::mlir::Value getInitOfKind(::attn::ResultKind kind);
    /// The result that holds `kind`, or null.
    ::mlir::Value getResultOfKind(::attn::ResultKind kind);
  }];
}

def Attn_IndexOp : Attn_Op<"index", [Pure]> {
  let summary = "Position along a loop, in the whole problem";
  let description = [{
    The position of the current element along loop number `loop` of the enclosing attention op, offset included: tiling
    changes offsets and leaves regions as they are, so a mask can be read at any stage.

    **Constraints**
    * C1 it stands in a region of an attention op.
    * C2 `loop` is a batch, row or key loop of that op (d too in a similarity region).

    ```mlir
    %j = attn.index 2
    ```
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$loop);
  let results = (outs Index:$result);
  let assemblyFormat = "$loop attr-dict";
  let hasVerifier = 1;
}

def Attn_YieldOp : Attn_Op<"yield", [Pure, Terminator, ReturnLike,
                                     ParentOneOf<["GenericOp", "OnlineOp", "WeightsOp"]>]> {
  let summary = "The value of a region of an attention op";
  let description = [{
    ```mlir
    attn.yield %keep : i1
    ```
  }];
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

//===----------------------------------------------------------------------===//
// Tile ops
//===----------------------------------------------------------------------===//

def Attn_OnlineOp : Attn_Op<"online", [Pure, AttrSizedOperandSegments, IsolatedFromAbove,
                                       SingleBlock,
                                       DeclareOpInterfaceMethods<InferTypeOpInterface>,
                                       DeclareOpInterfaceMethods<Attn_ScoredOpInterface>,
                                       DestinationStyleOpInterface]> {
  let summary = "One tile of keys: update the accumulator and the state of its rows";
  let description = [{
    With the loops, operands and regions of `attn.generic`, and `acc`, `state..` those of its normalizer:

        s(i,j) = exponent_scale * score(scale * sum_d similarity(Q[i,d], K[j,d], x..), y..)
        for each kept j:  (state(i).., rescale, w) = step(state(i).., s(i,j));  acc[i,e] = rescale * acc[i,e] + w * V[j,e]

    Normalizers made of exponentials (softmax, softmax_sink, sigmoid) have scores and state **in base 2**:
    `exponent_scale` is `log2(e)` times whatever of the scale has not yet been folded into Q; for softmax `w = 2^(s - m)`.
    Others have `exponent_scale` 1 times the same.

    Without a mask region every key of the tile is kept unless its score is -inf. `guarded` says that what is not kept
    is left out of the sum by selection, not by multiplying with zero; without it, a NaN or an infinity in a row of V
    that is not kept may reach acc (tiling redoes such a row tile guarded).

    `top_k(k)` keeps, beside the state, a sorted list of each row: the k largest scores of kept keys so far, in descending
    order, and the positions of these keys (`attn.index`, in 32 bits). Of equal scores the earlier key comes first; a NaN
    is larger than any other score. A list starts with scores of -inf.

    **Constraints**
    * C1 maps come in the order query, key, value, similarity, score, mask operands, acc, and one for all of
      state; otherwise as `attn.generic` C1.
    * C2 loops as `attn.generic` C2 and C3 with acc in the place of out; loops that Q, K, V and acc do not use are fixed:
      they have one iteration (element operands may have a dimension of size 1 for them), and their position is their offset.
    * C3 as `attn.generic` C4, C5, C8, C9, C10 and C13.
    * C4 `outs` are acc and as many state tensors as the normalizer has, all of accumulator type; state is over rows.
    * C5 with `top_k(k)`, k at least 1, two more outs follow, of accumulator type and of i32: scores and positions. They lie
      as acc does, with k ranks in the place of e, and have no map.

    **Source**: Milakov & Gimelshein 2018, alg. 3; Dao et al. 2022, alg. 1.

    ```mlir
    %acc2, %m2, %l2 = attn.online ins(%q, %k, %v : tensor<8x64xf32>, tensor<16x8xf32>, tensor<16x4xf32>)
      outs(%acc, %m, %l : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
      maps [affine_map<(i, j, d, e) -> (d, i)>, affine_map<(i, j, d, e) -> (j, d)>,
            affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (e, i)>,
            affine_map<(i, j, d, e) -> (i)>]
      exponent_scale(1.000000e+00) normalizer(#attn.softmax)
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$query, Attn_FloatTensor:$key, Attn_FloatTensor:$value,
                       Variadic<AnyRankedTensor>:$similarity_operands, Variadic<AnyRankedTensor>:$score_operands,
                       Variadic<AnyRankedTensor>:$mask_operands, Variadic<AnyType>:$captures,
                       Variadic<Index>:$offsets, Variadic<AnyRankedTensor>:$inits,
                       AffineMapArrayAttr:$indexing_maps, DefaultValuedAttr<F64Attr, "1.0">:$scale,
                       F64Attr:$exponent_scale, Attn_Normalizer:$normalizer, UnitAttr:$guarded,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntMinValue<1>]>>:$top_k, OptionalAttr<Attn_PlanAttr>:$plan);
  let regions = (region MaxSizedRegion<1>:$similarity, MaxSizedRegion<1>:$score, MaxSizedRegion<1>:$mask);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    (`guarded` $guarded^)?
    `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,` type($value) `)`
    (`similarity_ins` `(` $similarity_operands^ `:` type($similarity_operands) `)`)?
    (`score_ins` `(` $score_operands^ `:` type($score_operands) `)`)?
    (`mask_ins` `(` $mask_operands^ `:` type($mask_operands) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)? (`offsets` `(` $offsets^ `)`)?
    `outs` `(` $inits `:` type($inits) `)`
    `maps` $indexing_maps (`scale` `(` $scale^ `)`)? `exponent_scale` `(` $exponent_scale `)`
    `normalizer` `(` $normalizer `)` (`top_k` `(` $top_k^ `)`)? (`plan` `(` $plan^ `)`)? attr-dict
    (`similarity` $similarity^)? (`score` $score^)? (`mask` $mask^)?
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    /// The state among `outs`; and the lists of top-k, scores and positions, or nothing.
    ::mlir::OperandRange getStateInits() { return getInits().drop_front().drop_back(getTopK() ? 2 : 0); }
    ::mlir::OperandRange getTopKInits() { return getInits().take_back(getTopK() ? 2 : 0); }
  }];
}

def Attn_WeightsOp : Attn_Op<"weights", [Pure, AttrSizedOperandSegments, IsolatedFromAbove,
                                         SingleBlock,
                                         DeclareOpInterfaceMethods<InferTypeOpInterface>,
                                         DeclareOpInterfaceMethods<Attn_ScoredOpInterface>,
                                         DestinationStyleOpInterface]> {
  let summary = "One tile of keys: their final weights, from the finished state of the rows";
  let description = [{
    Scores as in `attn.online`; `w(i,j) = weight(state(i).., factor(i), s(i,j))` of the normalizer for kept keys (softmax:
    `2^(s - m) * factor`), 0 for the others. `state` holds the state tensors and last the factor of `attn.finalize`
    (softmax: `1 / l`, 0 for a row without keys). It serves the `weights` result: a second visit of the keys, with no
    N x M temporary.

    **Constraints**
    * C1 maps come in the order query, key, similarity, score, mask operands, one for all of state, init.
    * C2 there are as many state operands as the normalizer has states, plus one.
    * C3 as `attn.generic` C4, C5, C8, C9, C10 and C13; state is over rows, the init over rows and keys; both have
      accumulator type.

    ```mlir
    %w = attn.weights ins(%q, %k : tensor<8x64xf32>, tensor<16x8xf32>)
      state(%m, %l, %factor : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) outs(%init : tensor<16x64xf32>)
      maps [affine_map<(i, j, d) -> (d, i)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i)>,
            affine_map<(i, j, d) -> (j, i)>]
      exponent_scale(1.000000e+00) normalizer(#attn.softmax)
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Variadic<AnyRankedTensor>:$similarity_operands, Variadic<AnyRankedTensor>:$score_operands,
                       Variadic<AnyRankedTensor>:$mask_operands, Variadic<AnyType>:$captures,
                       Variadic<Index>:$offsets, Variadic<AnyRankedTensor>:$state, AnyRankedTensor:$init,
                       AffineMapArrayAttr:$indexing_maps, DefaultValuedAttr<F64Attr, "1.0">:$scale,
                       F64Attr:$exponent_scale, Attn_Normalizer:$normalizer, OptionalAttr<Attn_PlanAttr>:$plan);
  let regions = (region MaxSizedRegion<1>:$similarity, MaxSizedRegion<1>:$score, MaxSizedRegion<1>:$mask);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    `ins` `(` $query `,` $key `:` type($query) `,` type($key) `)`
    (`similarity_ins` `(` $similarity_operands^ `:` type($similarity_operands) `)`)?
    (`score_ins` `(` $score_operands^ `:` type($score_operands) `)`)?
    (`mask_ins` `(` $mask_operands^ `:` type($mask_operands) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)? (`offsets` `(` $offsets^ `)`)?
    `state` `(` $state `:` type($state) `)` `outs` `(` $init `:` type($init) `)`
    `maps` $indexing_maps (`scale` `(` $scale^ `)`)? `exponent_scale` `(` $exponent_scale `)`
    `normalizer` `(` $normalizer `)` (`plan` `(` $plan^ `)`)? attr-dict
    (`similarity` $similarity^)? (`score` $score^)? (`mask` $mask^)?
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

def Attn_NumSplitsOp : Attn_Op<"num_splits", [Pure]> {
  let summary = "Into how many parts the keys of a row tile are divided";
  let description = [{
    A number from 1 to `max(limit, 1)`, the same wherever one call asks. Which one is the caller's choice: as many as keep
    its threads busy. Every choice gives the same results up to the rounding of `attn.merge`, so a program with this op
    means one thing, and a target answers when it knows the threads.

    **Source**: split keys are Dao et al. 2023 (flash-decoding).

    ```mlir
    %limit = arith.constant 16 : index
    %splits = attn.num_splits at_most(%limit)
    ```
  }];
  let arguments = (ins Index:$limit);
  let results = (outs Index:$result);
  let assemblyFormat = "`at_most` `(` $limit `)` attr-dict";
}

def Attn_MergeOp : Attn_Op<"merge", [Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<InferTypeOpInterface>,
                                     DestinationStyleOpInterface]> {
  let summary = "Combine the partial results of two groups of keys";
  let description = [{
    `state.., rescaleA, rescaleB = combine(stateA.., stateB..)` of the normalizer, `acc = rescaleA accA + rescaleB accB`.
    Associative and commutative up to rounding, with the state of no key as its neutral element: the heart of split keys
    and of distribution. Softmax states are in base 2, as in `attn.online`.

    **Constraints**
    * C1 `ins` and `outs` are acc and the state tensors of the normalizer, pairwise of one type, of accumulator type.
    * C2 there are two maps, acc and state, over the same loops; each loop of state is one of acc; static sizes agree.

    **Source**: Dao et al. 2023 (flash-decoding); the monoid of Milakov & Gimelshein 2018, sec. 3.1.

    ```mlir
    %acc, %m, %l = attn.merge ins(%acc1, %m1, %l1 : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
      outs(%acc0, %m0, %l0 : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
      maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$partial, Variadic<AnyRankedTensor>:$inits,
                       AffineMapArrayAttr:$indexing_maps, Attn_Normalizer:$normalizer);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $partial `:` type($partial) `)` `outs` `(` $inits `:` type($inits) `)`
    `maps` $indexing_maps `normalizer` `(` $normalizer `)` attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
  }];
}

def Attn_FinalizeOp : Attn_Op<"finalize", [Pure, AttrSizedOperandSegments,
                                           DeclareOpInterfaceMethods<InferTypeOpInterface>,
                                           DestinationStyleOpInterface]> {
  let summary = "From accumulator and state to the results of a row tile";
  let description = [{
    `factor, lse, max, entropy = finish(state.., operands..)` of the normalizer; `out[i,e] = factor(i) * acc[i,e]` (0 where factor
    is 0: a row without keys). Softmax states are in base 2, as in `attn.online`; the others are natural.
    A result of kind `out` receives `out`; kinds `lse`, `max` and `entropy` receive theirs; the last result is the factor itself,
    over rows, for `attn.weights`.

    **Constraints**
    * C1 maps come in the order acc, one for all of state, normalizer operands, outs, over the same loops; otherwise as
      `attn.generic` C1 and C4.
    * C2 there are as many state tensors as the normalizer has states, and as many operands.
    * C3 result kinds are of `out`, `lse`, `max`, `entropy`, each at most once and defined by the normalizer, whose state
      tells the entropy if it is asked for; `outs` holds one
      tensor each and last the factor.
    * C4 acc, state and all of `outs` but `out` have accumulator type; `out` and normalizer operands are floats.
    * C5 acc and `out` use the loops of the factor (the rows) and one more, e; the other `outs` and state use exactly the
      rows, normalizer operands only rows.

    **Source**: Milakov & Gimelshein 2018, alg. 3.

    ```mlir
    %o, %lse, %factor = attn.finalize ins(%acc : tensor<4x64xf32>) state(%m, %l : tensor<64xf32>, tensor<64xf32>)
      outs(%init, %lse0, %factor0 : tensor<64x4xf32>, tensor<64xf32>, tensor<64xf32>) returns(out, lse)
      maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>,
            affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i)>]
      normalizer(#attn.softmax)
    ```
  }];
  let arguments = (ins AnyRankedTensor:$acc, Variadic<AnyRankedTensor>:$state,
                       Variadic<AnyRankedTensor>:$normalizer_operands, Variadic<AnyRankedTensor>:$inits,
                       Attn_ResultKindArrayAttr:$result_kinds, AffineMapArrayAttr:$indexing_maps,
                       Attn_Normalizer:$normalizer);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $acc `:` type($acc) `)` (`state` `(` $state^ `:` type($state) `)`)?
    (`normalizer_ins` `(` $normalizer_operands^ `:` type($normalizer_operands) `)`)?
    `outs` `(` $inits `:` type($inits) `)` `` custom<Returns>($result_kinds)
    `maps` $indexing_maps `normalizer` `(` $normalizer `)` attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
  }];
}

#endif // ATTN_DIALECT_ATTENTION_IR_ATTENTIONOPS_TD
