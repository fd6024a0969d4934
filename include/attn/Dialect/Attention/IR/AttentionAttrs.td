// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_DIALECT_ATTENTION_IR_ATTENTIONATTRS_TD
#define ATTN_DIALECT_ATTENTION_IR_ATTENTIONATTRS_TD

include "attn/Dialect/Attention/IR/AttentionDialect.td"
include "attn/Dialect/Attention/IR/AttentionInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/EnumAttr.td"

class Attn_I32Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::attn";
  let genSpecializedAttr = 0;
}

def Attn_ResultKind : Attn_I32Enum<"ResultKind", "what a result of an attention op holds", [
  I32EnumAttrCase<"Out", 0, "out">, I32EnumAttrCase<"Lse", 1, "lse">, I32EnumAttrCase<"Max", 2, "max">,
  I32EnumAttrCase<"Entropy", 3, "entropy">, I32EnumAttrCase<"Weights", 4, "weights">,
  I32EnumAttrCase<"TopkValues", 5, "topk_values">, I32EnumAttrCase<"TopkIndices", 6, "topk_indices">]>;

def Attn_Layout : Attn_I32Enum<"Layout", "order of the dimensions of Q, K, V and the result", [
  I32EnumAttrCase<"BHND", 0, "bhnd">, I32EnumAttrCase<"BNHD", 1, "bnhd">]>;

def Attn_CausalKind : Attn_I32Enum<"CausalKind", "which corner the causal diagonal starts from", [
  I32EnumAttrCase<"TopLeft", 0, "top_left">, I32EnumAttrCase<"BottomRight", 1, "bottom_right">]>;

def Attn_Norm : Attn_I32Enum<"Norm", "how the rows of Q and K are normalised before their product", [
  I32EnumAttrCase<"Rms", 0, "rms">, I32EnumAttrCase<"Layer", 1, "layer">]>;

def Attn_Algorithm : Attn_I32Enum<"Algorithm", "what is tiled: keys of an attention, or another stage of a kernel", [
  I32EnumAttrCase<"Online", 0, "online">, I32EnumAttrCase<"Product", 1, "product">,
  I32EnumAttrCase<"Rowwise", 2, "rowwise">]>;

def Attn_Orientation : Attn_I32Enum<"Orientation", "which dimension of a score tile is contiguous", [
  I32EnumAttrCase<"RowsMinor", 0, "rows_minor">, I32EnumAttrCase<"RowsMajor", 1, "rows_major">]>;

def Attn_Precision : Attn_I32Enum<"Precision", "in what the operands of the two contractions are multiplied", [
  I32EnumAttrCase<"Accumulator", 0, "accumulator">, I32EnumAttrCase<"BF16", 1, "bf16">,
  I32EnumAttrCase<"F16", 2, "f16">]>;

class Attn_Attr<string name, string attrMnemonic, list<Trait> traits = []> : AttrDef<Attn_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Attn_ResultKindAttr : EnumAttr<Attn_Dialect, Attn_ResultKind, "result">;
def Attn_LayoutAttr : EnumAttr<Attn_Dialect, Attn_Layout, "layout">;
def Attn_NormAttr : EnumAttr<Attn_Dialect, Attn_Norm, "norm">;
def Attn_CausalKindAttr : EnumAttr<Attn_Dialect, Attn_CausalKind, "causal">;
def Attn_ResultKindArrayAttr : TypedArrayAttrBase<Attn_ResultKindAttr, "array of result kinds">;

def Attn_Normalizer : Attr<CPred<"::llvm::isa<::attn::NormalizerInterface>($_self)">, "normalizer attribute"> {
  let storageType = "::attn::NormalizerInterface";
  let returnType = "::attn::NormalizerInterface";
  let convertFromStorage = "$_self";
}

class Attn_NormalizerAttr<string name, string attrMnemonic, list<string> methods>
    : Attn_Attr<name, attrMnemonic, [DeclareAttrInterfaceMethods<Attn_NormalizerInterface, methods>]>;

class Attn_SoftmaxLikeAttr<string name, string attrMnemonic, list<string> methods>
    : Attn_NormalizerAttr<name, attrMnemonic,
        ["defines", "getStreaming", "isExponential", "isZeroAtMinusInfinity", "hasMaximum", "getNumSums", "rescale",
         "terms", "finish"] # methods> {
  let parameters = (ins DefaultValuedParameter<"bool", "false">:$entropy);
  let assemblyFormat = "(`<` `entropy` `=` $entropy^ `>`)?";
  let builders = [AttrBuilder<(ins), "return $_get($_ctxt, false);">];
}

def Attn_SoftmaxAttr : Attn_SoftmaxLikeAttr<"Softmax", "softmax", []> {
  let summary = "Softmax: weights exp(s_j) / sum_k exp(s_k)";
  let description = [{
    State: maximum `m` and sum `l = sum exp(s - m)` over the kept keys. Defines every result; `lse = m + log l`.

    Tiles of an op that returns `entropy` carry `#attn.softmax<entropy = true>`, whose state has one sum more,
    `t = sum exp(s - m) (m - s)`. When the maximum grows to m', `t' = exp(m - m') (t + (m' - m) l)`; in the end
    `entropy = log l + t / l`, all of whose terms are positive.

    **Source**: Vaswani et al. 2017, sec. 3.2.1; visited in one pass as Milakov & Gimelshein 2018, alg. 3.
  }];
}

def Attn_SoftmaxSinkAttr : Attn_SoftmaxLikeAttr<"SoftmaxSink", "softmax_sink", ["getNumOperands"]> {
  let summary = "Softmax with a sink: weights exp(s_j) / (exp(sink) + sum_k exp(s_k))";
  let description = [{
    One normalizer operand over batch and row loops (usually one value per head) holds the sink, a logit that takes part
    in the sum and carries no value. It counts in `lse`, not in `max`. A row whose keys are all masked gives zeros and
    `lse = max = -inf`, as for softmax.

    The state is that of softmax: the sink enters when all keys have been seen. The entropy is that of the keys' share,
    `sum w (lse - s) = (t + l (lse - m)) exp(m - lse)`.

    **Source**: Xiao et al. 2023 (attention sinks), in the learned form of gpt-oss 2025.
  }];
}

class Attn_PlainNormalizerAttr<string name, string attrMnemonic, list<string> methods>
    : Attn_NormalizerAttr<name, attrMnemonic, ["getStreaming", "getNumSums", "terms", "finish"] # methods> {
  let parameters = (ins DefaultValuedParameter<"bool", "false">:$marksNan);
  let assemblyFormat = "(`<` `marks_nan` `=` $marksNan^ `>`)?";
  let builders = [AttrBuilder<(ins), "return $_get($_ctxt, false);">];
}

def Attn_SigmoidAttr : Attn_PlainNormalizerAttr<"Sigmoid", "sigmoid", ["isExponential", "isZeroAtMinusInfinity"]> {
  let summary = "Sigmoid: weights 1 / (1 + exp(-s_j)), not normalised over keys";
  let description = [{
    No state, no maximum, nothing to rescale: the exponential may overflow to infinity, whose inverse is the 0 that is
    wanted. Defines `out`, `weights` and top-k. Tiles of an op that returns `weights` carry
    `#attn.sigmoid<marks_nan = true>`, whose one sum is NaN if a kept score is, for then all weights of the row are.

    A row without kept keys gives zeros. **Source**: Ramapuram et al. 2024.
  }];
}

def Attn_IdentityAttr : Attn_PlainNormalizerAttr<"Identity", "identity", []> {
  let summary = "Identity: the weight is the score";
  let description = [{
    No state (but `marks_nan`, as `#attn.sigmoid`). Defines `out`, `weights` and top-k. A key whose score is -inf is not
    kept. **Source**: linear attention without feature map, Katharopoulos et al. 2020.
  }];
}

def Attn_PrecisionParameter : EnumParameter<Attn_Precision> {
  let defaultValue = "::attn::Precision::Accumulator";
}

def Attn_PlanAttr : Attn_Attr<"Plan", "plan"> {
  let summary = "How one attention op is executed; chosen once, obeyed by every later stage";
  let description = [{
    * `algorithm`: `online` visits keys tile by tile and rescales. The others are those of linalg ops beside attention,
      each a stage of a kernel, in orientation `rows_major`: `product` is a contraction with what is computed element by
      element of its result, in tiles of `rows` rows and one register tile's vectors, `keys` steps of the reduction at a
      time; `rowwise` is anything else, in tiles of `rows` whole rows.
    * `orientation`: `rows_minor` keeps score tiles as [keys, rows]: vector lanes are query rows. `rows_major` keeps them
      as [rows, keys], for so few rows that most lanes would be idle: lanes are neighbours in a row of K, V or scores.
    * `rows`, `keys`: size of a row tile and of a key tile, in rows. `short`: where a row tile has at most so many rows
      left, as the last of N may, it is done in tiles of that size; 0, the default, for never.
    * `split`: the keys of a row tile may be divided among threads, into parts of at least so many keys on average, whose
      states are merged; 0, the default, for never. How many parts there are is decided by the call: `attn.num_splits`.
    * `lanes`: f32 elements of one vector register. `register_tile`: [rows, vectors] of the block of accumulators that a
      contraction keeps in registers. On tiles of fewer vectors it takes as many more rows.
    * `precision`: `accumulator`, the default, multiplies in the accumulator's type; `bf16` and `f16` take Q, K, V as they
      are and round the weights to that type for the product with V; in `rows_major` on a CPU only Q and K are multiplied
      so. Scores and sums are in the accumulator's type either way.
    * `warps`, `stages`: on a GPU, how many groups of 32 threads share a row tile, 16 rows each, and how many key tiles
      have room in shared memory, where the next ones arrive while one is used. 0, the default: no GPU. `lanes` then is
      32 and `register_tile` the 16 x 8 of one product of fragments.

    **Constraints**
    * C1 `rows`, `keys` and `lanes` are at least 1.
    * C2 `rows` is a multiple of `lanes` in orientation `rows_minor`.
    * C3 `register_tile` has two entries, both at least 1.
    * C4 `short` is 0, or, in orientation `rows_minor`, a multiple of `lanes` less than `rows`.
    * C5 `split` is 0 or at least `keys`.
    * C6 with `warps`, the orientation is `rows_major`, `rows` is 16 times `warps`, and `keys` a multiple of 16; `stages`
      go with `warps`.

    ```mlir
    #attn.plan<online, rows_minor, rows = 64, keys = 64, lanes = 16, register_tile = [4, 4]>
    ```
    ```mlir
    #attn.plan<online, rows_minor, rows = 64 short 16, keys = 128, lanes = 16, register_tile = [4, 4], precision = bf16>
    ```
    ```mlir
    #attn.plan<online, rows_major, rows = 4, keys = 32 split 256, lanes = 16, register_tile = [4, 4]>
    ```
    ```mlir
    #attn.plan<online, rows_major, rows = 64, keys = 64, lanes = 32, register_tile = [16, 8], precision = f16, warps = 4,
               stages = 2>
    ```
  }];
  let parameters = (ins EnumParameter<Attn_Algorithm>:$algorithm, EnumParameter<Attn_Orientation>:$orientation,
                        "int64_t":$rows, DefaultValuedParameter<"int64_t", "0">:$shortRows, "int64_t":$keys,
                        "int64_t":$lanes, ArrayRefParameter<"int64_t">:$registerTile, Attn_PrecisionParameter:$precision,
                        DefaultValuedParameter<"int64_t", "0">:$splitKeys,
                        DefaultValuedParameter<"int64_t", "0">:$warps, DefaultValuedParameter<"int64_t", "0">:$stages);
  let builders = [
    /// A plan for a CPU.
    AttrBuilder<(ins "::attn::Algorithm":$algorithm, "::attn::Orientation":$orientation, "int64_t":$rows,
                     "int64_t":$shortRows, "int64_t":$keys, "int64_t":$lanes,
                     "::llvm::ArrayRef<int64_t>":$registerTile, "::attn::Precision":$precision,
                     CArg<"int64_t", "0">:$splitKeys), [{
      return $_get($_ctxt, algorithm, orientation, rows, shortRows, keys, lanes, registerTile, precision, splitKeys,
                   /*warps=*/0, /*stages=*/0);
    }]>
  ];
  let assemblyFormat = [{
    `<` $algorithm `,` $orientation `,` `rows` `=` $rows (`short` $shortRows^)? `,`
    `keys` `=` $keys (`split` $splitKeys^)? `,` `lanes` `=` $lanes `,` `register_tile` `=` `[` $registerTile `]`
    (`,` `precision` `=` $precision^)? (`,` `warps` `=` $warps^)? (`,` `stages` `=` $stages^)? `>`
  }];
  let genVerifyDecl = 1;
}

#endif // ATTN_DIALECT_ATTENTION_IR_ATTENTIONATTRS_TD
