// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Named ops about where keys and values are kept: caches that grow in place, caches in pages, sequences side by side.
#ifndef ATTN_DIALECT_ATTENTION_IR_STORAGEOPS_TD
#define ATTN_DIALECT_ATTENTION_IR_STORAGEOPS_TD

include "attn/Dialect/Attention/IR/AttentionAttrs.td"
include "attn/Dialect/Attention/IR/AttentionTypes.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Attn_Stored : AnyTypeOf<[F16, BF16, F32, F64, I8], "f16, bf16, f32, f64 or i8">;
class Attn_Stored4D<string shape> : Type<And<[RankedTensorOf<[Attn_Stored]>.predicate, HasAnyRankOfPred<[4]>]>,
                                         shape # " tensor of f16, bf16, f32, f64 or i8", "::mlir::RankedTensorType">;
class Attn_Integers<int rank, string shape> : Type<
    And<[RankedTensorOf<[I32, I64, Index]>.predicate, HasAnyRankOfPred<[rank]>]>,
    shape # " tensor of i32, i64 or index", "::mlir::RankedTensorType">;

def Attn_AppendKvOp : Attn_Op<"append_kv", [Pure, DestinationStyleOpInterface,
                                   TypesMatchWith<"the result has the type of the cache", "cache", "result", "$_self">,
                                   DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "New rows of a cache, in place";
  let description = [{
    The cache with T new rows of each sequence b behind those that it holds, of which there are `p = positions[b]`:

        out[b,h,p + t,:] = rows[b,h,t,:]     for t < T
        out[b,h,j,:]     = cache[b,h,j,:]    for every other j

    **In a kernel** nothing else of the cache is touched: the caller's memory is written where the rows belong, by a stage
    of its own, and what reads the result reads that memory. The argument `cache` becomes one of kind `inout`; the result
    of the function that it is returned as is no output of its own. Elementwise ops that make the rows (rotary positions,
    quantisation) are part of the stage.

    **Shapes** (elements): rows `[B,Hkv,T,D]`, cache and result `[B,Hkv,C,D]`, with `layout(bnhd)` `[B,T,Hkv,D]` and
    `[B,C,Hkv,D]`; positions `[B]`. K and V have one op each.

    **Edges**: T = 0 leaves the cache as it is. Where p is below 0 or p + T above C for any b, a kernel returns
    `ATTN_ERROR_POSITION` before it writes anything.

    **Constraints**
    * C1 rows and cache have one element type, and agree on B, Hkv and D.
    * C2 `positions` agrees with the cache on B.
    * C3 T is at most C.
    * C4 in a kernel, cache is an argument of the function, nobody else uses it, and the function returns the result.

    **Source**: the cache of decoding, Pope et al. 2022, sec. 3.

    ```mlir
    %grown = attn.append_kv %rows, %cache at(%lengths : tensor<2xi32>)
       : (tensor<2x4x1x64xf16>, tensor<2x4x1024x64xf16>) -> tensor<2x4x1024x64xf16>
    ```
  }];
  let arguments = (ins Attn_Stored4D<"[B,Hkv,T,D] (or [B,T,Hkv,D])">:$rows,
                       Attn_Stored4D<"[B,Hkv,C,D] (or [B,C,Hkv,D])">:$cache, Attn_Integers<1, "[B]">:$positions,
                       DefaultValuedAttr<Attn_LayoutAttr, "::attn::Layout::BHND">:$layout);
  let results = (outs Attn_Stored4D<"[B,Hkv,C,D] (or [B,C,Hkv,D])">:$result);
  let assemblyFormat = [{
    $rows `,` $cache `at` `(` $positions `:` type($positions) `)` `` custom<LayoutClause>($layout) attr-dict
    `:` `(` type($rows) `,` type($cache) `)` `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getCacheMutable(); }
    unsigned getHeadDim() { return getLayout() == Layout::BHND ? 1 : 2; }
    unsigned getRowDim() { return getLayout() == Layout::BHND ? 2 : 1; }
  }];
}

def Attn_GatherPagesOp : Attn_Op<"gather_pages", [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                                                                  ["reifyResultShapes"]>]> {
  let summary = "Keys or values out of pages";
  let description = [{
    K or V of each sequence b, whose rows lie in pages of S rows anywhere in a common storage, by a table of the pages:

        out[b,h,j,:] = pages[t,h,j mod S,:]     t = min(max(table[b, j / S], 0), P - 1)

    It is a view: inside the key loop each tile of keys reads its rows where they lie, whatever the size of pages and of
    tiles. Which of the rows count is for the mask to say, as of any cache.

    **Shapes** (elements): pages `[P,Hkv,S,D]`, result `[B,Hkv,M,D]` with M = R * S, with `layout(bnhd)` `[P,S,Hkv,D]` and
    `[B,M,Hkv,D]`; table `[B,R]`. K and V have one op each, and may share a table.

    **Edges**: an entry of the table that is no page counts as the nearest one, so entries behind the end of a sequence may
    hold anything. No page at all is refused (`ATTN_ERROR_SHAPE`).

    **Constraints**
    * C1 S is static and not 0; P is not 0.
    * C2 the result has the element type of pages, and agrees with pages on Hkv and D and with the table on B.
    * C3 M = R * S.

    **Source**: Kwon et al. 2023 (PagedAttention), sec. 4.1.

    ```mlir
    %k = attn.gather_pages %pages, %table
       : (tensor<100x4x16x64xf16>, tensor<2x20xi32>) -> tensor<2x4x320x64xf16>
    ```
  }];
  let arguments = (ins Attn_Stored4D<"[P,Hkv,S,D] (or [P,S,Hkv,D])">:$pages, Attn_Integers<2, "[B,R]">:$table,
                       DefaultValuedAttr<Attn_LayoutAttr, "::attn::Layout::BHND">:$layout);
  let results = (outs Attn_Stored4D<"[B,Hkv,M,D] (or [B,M,Hkv,D])">:$result);
  let assemblyFormat = [{
    $pages `,` $table `` custom<LayoutClause>($layout) attr-dict `:` `(` type($pages) `,` type($table) `)` `->`
    type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    unsigned getHeadDim() { return getLayout() == Layout::BHND ? 1 : 2; }
    unsigned getRowDim() { return getLayout() == Layout::BHND ? 2 : 1; }
    int64_t getPageRows() { return getPages().getType().getDimSize(getRowDim()); }
  }];
}

def Attn_PackedOp : Attn_Op<"packed", [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                                                      ["reifyResultShapes"]>]> {
  let summary = "Scaled dot-product attention of sequences of unequal lengths, packed side by side";
  let description = [{
    A ragged batch: the rows of all sequences follow each other in one tensor, without padding. Sequence s of S has the query
    rows from `rows[s]` up to `rows[s + 1]` and the key rows from `keys[s]` up to `keys[s + 1]`, N_s and M_s of them, and
    attends to itself only. For query row i of sequence s, the row number `i' = i - rows[s]` of it, and
    `g(h) = h / (H / Hkv)`:

        s[j]     = scale * sum_d Q[i,h,d] * K[j,g(h),d]
        keep[j]  = keys[s] <= j < keys[s + 1] and causal(i', j - keys[s])
        O[i,h,:] = sum_{j kept} softmax(s)[j] * V[j,g(h),:]

    where `causal(top_left)` keeps `j' <= i'` and `causal(bottom_right)` keeps `j' <= i' + M_s - N_s`. Only key tiles with
    keys of a row tile's own sequences are computed.

    **Shapes** (elements): Q `[N,H,D]`, K `[M,Hkv,D]`, V `[M,Hkv,Dv]`, out `[N,H,Dv]`, rows and keys `[S + 1]`: lengths added
    up, from 0. `lse` is `[H,N]`. N and M count the rows of all sequences.

    **Numbers**: as attn.sdpa.

    **Edges**: a sequence without keys gives zeros and `lse = -inf`, as do rows beyond the last sequence. At most 65535
    sequences. Sums that descend, or that leave the tensors, choose other keys, but never reach beyond a tensor.

    **Constraints**
    * C1 Q and K agree on D.
    * C2 K and V agree on M and Hkv; H is a multiple of Hkv.
    * C3 rows and keys agree on S + 1, from 1 to 65536.
    * C4 result kinds are `out` first, then `lse` if it is asked for, one result type each.
    * C5 results have the shapes above; `out` has the element type of Q, `lse` the accumulator type.
    * C6 Q, K and V have one element type.
    * C7 without `scale`, D is static and not 0.

    **Source**: Dao et al. 2022, the interface `flash_attn_varlen_func` of its software (`cu_seqlens_q`, `cu_seqlens_k`).

    ```mlir
    %o, %lse = attn.packed %q, %k, %v rows(%r : tensor<?xi32>) keys(%s : tensor<?xi32>) causal(bottom_right)
       returns(out, lse) : (tensor<?x8x64xf32>, tensor<?x2x64xf32>, tensor<?x2x64xf32>)
       -> tensor<?x8x64xf32>, tensor<8x?xf32>
    ```
  }];
  let arguments = (ins Attn_Tensor3D<"[N,H,D]">:$query, Attn_Tensor3D<"[M,Hkv,D]">:$key,
                       Attn_Tensor3D<"[M,Hkv,Dv]">:$value, Attn_Integers<1, "[S + 1]">:$rows,
                       Attn_Integers<1, "[S + 1]">:$keys, OptionalAttr<Attn_CausalKindAttr>:$causal,
                       OptionalAttr<F64Attr>:$scale, Attn_ResultKindArrayAttr:$result_kinds);
  let results = (outs Variadic<Attn_FloatTensor>:$results);
  let assemblyFormat = [{
    $query `,` $key `,` $value `rows` `(` $rows `:` type($rows) `)` `keys` `(` $keys `:` type($keys) `)`
    `` custom<CausalClause>($causal) (`scale` `(` $scale^ `)`)? `` custom<Returns>($result_kinds) attr-dict
    `:` `(` type($query) `,` type($key) `,` type($value) `)` `->` type($results)
  }];
  let hasVerifier = 1;
}

#endif // ATTN_DIALECT_ATTENTION_IR_STORAGEOPS_TD
