// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Named ops about where keys and values are kept: caches that grow in place, caches in pages.
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

#endif // ATTN_DIALECT_ATTENTION_IR_STORAGEOPS_TD
