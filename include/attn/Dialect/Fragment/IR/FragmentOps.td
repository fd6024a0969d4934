// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_DIALECT_FRAGMENT_IR_FRAGMENTOPS_TD
#define ATTN_DIALECT_FRAGMENT_IR_FRAGMENTOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Fragment_Dialect : Dialect {
  let name = "fragment";
  let cppNamespace = "::attn::fragment";
  let summary = "Tiles that the threads of a block hold together";
  let description = [{
    What stands between attention on tiles and the instructions of one GPU: values are whole tiles, spread over the
    registers of a block's threads, and shared memory has stages that are filled while another is used. **The type says
    how a tile is spread** (`layout`), so that a change of it is an op and never hidden.

    The threads of a block are groups of 32 (warps), warp w holds rows 16 w to 16 w + 15 of each tile. Control flow
    around ops that meet (`fetch`, `dot`, `load`, `barrier`) is the same in the whole block; around the others it is the
    same in a warp.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
  }];
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

def Fragment_Layout : I32EnumAttr<"Layout", "how a tile is spread over the lanes of a warp", [
  I32EnumAttrCase<"Accumulator", 0, "accumulator">, I32EnumAttrCase<"Operand", 1, "operand">,
  I32EnumAttrCase<"Rows", 2, "rows">]> {
  let cppNamespace = "::attn::fragment";
  let genSpecializedAttr = 0;
}

def Fragment_LayoutParameter : EnumParameter<Fragment_Layout>;

class Fragment_Type<string name, string typeMnemonic> : TypeDef<Fragment_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Fragment_TileType : Fragment_Type<"Tile", "tile"> {
  let summary = "A tile in the registers of a block";
  let description = [{
    `rows` x `columns` elements; lane l of warp w holds, with g = 16 w + l / 4 and t = l mod 4,

    | layout | elements |
    |---|---|
    | `accumulator` | of each 8 columns c..: (g, c + 2t), (g, c + 2t + 1), (g + 8, c + 2t), (g + 8, c + 2t + 1): C and D of `mma.m16n8k16` |
    | `operand` | of each 16 columns c.., in pairs: (g, c + 2t), (g + 8, c + 2t), (g, c + 8 + 2t), (g + 8, c + 8 + 2t): its A |
    | `rows` | one number for each row: g and g + 8, the same in the four lanes of a row |

    Two neighbouring accumulators of 8 columns hold the elements of one operand of 16 in the same lanes: that is why
    weights need no exchange to become the left side of the next product.

    **Constraints**
    * C1 `rows` is a multiple of 16.
    * C2 `columns` is a multiple of 8 (`accumulator`), of 16 (`operand`), 1 (`rows`).
    * C3 elements are f16 or bf16 in `operand`, floats else.

    ```mlir
    !fragment.tile<64x64xf32, accumulator>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType,
                        Fragment_LayoutParameter:$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Elements that one lane holds.
    int64_t getLaneElements() const;
    TileType withElementType(::mlir::Type type) const { return get(getContext(), getRows(), getColumns(), type, getLayout()); }
  }];
}

def Fragment_SharedType : Fragment_Type<"Shared", "shared"> {
  let summary = "Tiles in the shared memory of a block";
  let description = [{
    `stages` tiles of `rows` x `columns` elements. A row is `columns` long; its chunks of 16 bytes are permuted by
    exclusive or with the row's number mod 8 where the columns are a multiple of 64, else rows lie 16 bytes further
    apart than they are long. Either way eight neighbouring rows have the same chunk in different banks.

    **Constraints**
    * C1 `columns` is a multiple of 16, `rows` of 8, and all numbers are at least 1.
    * C2 elements are f16 or bf16.

    ```mlir
    !fragment.shared<2x64x64xf16>
    ```
  }];
  let parameters = (ins "int64_t":$stages, "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isSwizzled() const { return getColumns() % 64 == 0; }
    /// Elements from one row to the next.
    int64_t getPitch() const { return isSwizzled() ? getColumns() : getColumns() + 8; }
    int64_t getStageBytes() const { return getRows() * getPitch() * 2; }
    int64_t getBytes() const { return getStages() * getStageBytes(); }
  }];
}

class Fragment_TileOf<string layout, string text>
    : Type<And<[CPred<"::llvm::isa<::attn::fragment::TileType>($_self)">,
                CPred<"::llvm::cast<::attn::fragment::TileType>($_self).getLayout() == ::attn::fragment::Layout::" #
                      layout>]>, text, "::attn::fragment::TileType">;
def Fragment_Accumulator : Fragment_TileOf<"Accumulator", "tile in layout accumulator">;
def Fragment_Operand : Fragment_TileOf<"Operand", "tile in layout operand">;
def Fragment_Rows : Fragment_TileOf<"Rows", "tile in layout rows">;

// Constraints, not the types themselves: ops print types in full.
def Fragment_AnyTile : Type<CPred<"::llvm::isa<::attn::fragment::TileType>($_self)">, "tile",
                            "::attn::fragment::TileType">;
def Fragment_AnyShared : Type<CPred<"::llvm::isa<::attn::fragment::SharedType>($_self)">, "shared memory",
                              "::attn::fragment::SharedType">;

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

class Fragment_Op<string mnemonic, list<Trait> traits = []> : Op<Fragment_Dialect, mnemonic, traits>;

def Fragment_AllocOp : Fragment_Op<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "Shared memory of a block";
  let description = [{
    Its contents are undefined. It lives as long as the kernel.

    ```mlir
    %keys = fragment.alloc : !fragment.shared<2x64x64xf16>
    ```
  }];
  let results = (outs Fragment_AnyShared:$shared);
  let assemblyFormat = "attr-dict `:` type($shared)";
}

def Fragment_FetchOp : Fragment_Op<"fetch", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Begin to copy a tile of global memory to a stage";
  let description = [{
    All threads of the block together. Rows and columns that the view does not have become zeros. The bytes have arrived
    for all threads after `fragment.commit`, `fragment.wait` and `fragment.barrier`. Where addresses and strides allow it
    the copy is asynchronous, 16 bytes at a time; else by plain loads and stores.

    **Constraints**
    * C1 the view has rank 2 and the element type of the stage; sizes that are known fit.

    ```mlir
    fragment.fetch %k into %keys[%stage]
      : memref<?x64xf16, strided<[?, 1], offset: ?>> into !fragment.shared<2x64x64xf16>
    ```
  }];
  let arguments = (ins AnyMemRef:$view, Fragment_AnyShared:$shared, Index:$stage);
  let assemblyFormat = "$view `into` $shared `[` $stage `]` attr-dict `:` type($view) `into` type($shared)";
  let hasVerifier = 1;
}

def Fragment_CommitOp : Fragment_Op<"commit", [MemoryEffects<[MemWrite]>]> {
  let summary = "Make the fetches since the last commit a group";
  let description = [{
    Groups arrive in order.

    ```mlir
    fragment.commit
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Fragment_WaitOp : Fragment_Op<"wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Wait until at most so many groups of this thread are under way";
  let description = [{
    What other threads fetched is to be seen only after a barrier.

    ```mlir
    fragment.wait 0
    ```
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$pending);
  let assemblyFormat = "$pending attr-dict";
}

def Fragment_BarrierOp : Fragment_Op<"barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "All threads of the block meet, and see each other's shared memory";
  let description = [{
    ```mlir
    fragment.barrier
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Fragment_LoadOp : Fragment_Op<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "A tile of shared memory as the left side of a product";
  let description = [{
    **Constraints**
    * C1 rows, columns and element type are those of a stage.

    ```mlir
    %a = fragment.load %queries[%c0] : !fragment.shared<1x64x64xf16> -> !fragment.tile<64x64xf16, operand>
    ```
  }];
  let arguments = (ins Fragment_AnyShared:$shared, Index:$stage);
  let results = (outs Fragment_Operand:$result);
  let assemblyFormat = "$shared `[` $stage `]` attr-dict `:` type($shared) `->` type($result)";
  let hasVerifier = 1;
}

def Fragment_DotOp : Fragment_Op<"dot", [MemoryEffects<[MemRead]>, AllTypesMatch<["init", "result"]>]> {
  let summary = "A product of tiles on tensor cores, the right side in shared memory";
  let description = [{
    With B the tile at `stage`: `result = init + left * B`, or `init + left * B^T` with `transposed`. Products are exact,
    sums are of f32 in an order that the machine chooses.

    **Constraints**
    * C1 the inner sizes agree, as do the outer ones with those of init: left [i, k], B [k, j] (`transposed`: [j, k]),
      init [i, j].
    * C2 left and B have one element type, init has f32.

    ```mlir
    %s = fragment.dot transposed %q, %keys[%stage], %zero
      : !fragment.tile<64x64xf16, operand>, !fragment.shared<2x32x64xf16>, !fragment.tile<64x32xf32, accumulator>
    ```
  }];
  let arguments = (ins UnitAttr:$transposed, Fragment_Operand:$left, Fragment_AnyShared:$shared, Index:$stage,
                       Fragment_Accumulator:$init);
  let results = (outs Fragment_Accumulator:$result);
  let assemblyFormat = [{
    (`transposed` $transposed^)? $left `,` $shared `[` $stage `]` `,` $init attr-dict
    `:` type($left) `,` type($shared) `,` type($init)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

def Fragment_SplatOp : Fragment_Op<"splat", [Pure]> {
  let summary = "A tile of one number";
  let description = [{
    ```mlir
    %zero = fragment.splat %x : f32 -> !fragment.tile<64x64xf32, accumulator>
    ```
  }];
  let arguments = (ins AnyFloat:$value);
  let results = (outs Fragment_AnyTile:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Fragment_MapOp : Fragment_Op<"map", [RecursiveMemoryEffects,
                                         SingleBlockImplicitTerminator<"::attn::fragment::YieldOp">]> {
  let summary = "Compute each element of a tile";
  let description = [{
    The region receives an element of each operand, then the element's row and column in the tile (the row alone where
    results are of layout `rows`). Operands of layout `rows` give the number of the element's row. Lanes of one row
    compute the numbers of layout `rows` each for itself: regions that read memory read it in each.

    **Constraints**
    * C1 there is a result; operands and results have the same number of rows; results one layout; operands that of the
      results, or `rows`; those of one layout have one number of columns.
    * C2 block arguments are the element types, then one index, or two; yielded types those of the results.

    ```mlir
    %p = fragment.map(%s, %m) : (!fragment.tile<64x64xf32, accumulator>, !fragment.tile<64x1xf32, rows>)
        -> !fragment.tile<64x64xf32, accumulator> {
    ^bb0(%x: f32, %top: f32, %row: index, %column: index):
      %d = arith.subf %x, %top : f32
      fragment.yield %d : f32
    }
    ```
  }];
  let arguments = (ins Variadic<Fragment_AnyTile>:$operands);
  let results = (outs Variadic<Fragment_AnyTile>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`(` $operands `)` attr-dict `:` functional-type($operands, $results) $body";
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    /// `compute` makes the yielded values from the elements and the position.
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::ValueRange":$operands,
                   "::llvm::function_ref<::llvm::SmallVector<::mlir::Value>(::mlir::OpBuilder &, ::mlir::Location, "
                   "::mlir::ValueRange elements, ::mlir::Value row, ::mlir::Value column)>":$compute)>
  ];
}

def Fragment_YieldOp : Fragment_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["MapOp"]>]> {
  let summary = "The elements that a map computes";
  let description = [{
    ```mlir
    fragment.yield %x : f32
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

def Fragment_Reduction : I32EnumAttr<"Reduction", "how the elements of a row become one", [
  I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Max", 1, "max">]> {
  let cppNamespace = "::attn::fragment";
  let genSpecializedAttr = 0;
}
def Fragment_ReductionAttr : EnumAttr<Fragment_Dialect, Fragment_Reduction, "reduction">;

def Fragment_ReduceOp : Fragment_Op<"reduce", [Pure, AllTypesMatch<["init", "result"]>]> {
  let summary = "Sum or maximum of each row, and of init";
  let description = [{
    All lanes of a warp together. `max` passes NaN over.

    **Constraints**
    * C1 the tile and init agree on rows and element type.

    ```mlir
    %m2 = fragment.reduce max %s, %m : !fragment.tile<64x64xf32, accumulator>, !fragment.tile<64x1xf32, rows>
    ```
  }];
  let arguments = (ins Fragment_ReductionAttr:$kind, Fragment_Accumulator:$tile, Fragment_Rows:$init);
  let results = (outs Fragment_Rows:$result);
  let assemblyFormat = "$kind $tile `,` $init attr-dict `:` type($tile) `,` type($init)";
  let hasVerifier = 1;
}

def Fragment_SumRowsOp : Fragment_Op<"sum_rows", [Pure]> {
  let summary = "The sum of the numbers of a warp's rows";
  let description = [{
    All lanes of a warp together, the same in each: what one warp decides by. Other warps may get another.

    ```mlir
    %x = fragment.sum_rows %r : !fragment.tile<64x1xf32, rows>
    ```
  }];
  let arguments = (ins Fragment_Rows:$tile);
  let results = (outs F32:$result);
  let assemblyFormat = "$tile attr-dict `:` type($tile)";
  let hasVerifier = 1;
}

def Fragment_ConvertOp : Fragment_Op<"convert", [Pure]> {
  let summary = "An accumulator, rounded, as the left side of a product";
  let description = [{
    To nearest even; no element changes its lane.

    **Constraints**
    * C1 rows and columns agree.

    ```mlir
    %a = fragment.convert %p : !fragment.tile<64x64xf32, accumulator> -> !fragment.tile<64x64xf16, operand>
    ```
  }];
  let arguments = (ins Fragment_Accumulator:$tile);
  let results = (outs Fragment_Operand:$result);
  let assemblyFormat = "$tile attr-dict `:` type($tile) `->` type($result)";
  let hasVerifier = 1;
}

def Fragment_StoreOp : Fragment_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "Write a tile to global memory";
  let description = [{
    Rows and columns that the view does not have are not written.

    **Constraints**
    * C1 the view has rank 2 (`rows`: rank 1) and the element type of the tile.

    ```mlir
    fragment.store %o, %out : !fragment.tile<64x64xf16, accumulator>, memref<?x64xf16, strided<[?, 1], offset: ?>>
    ```
  }];
  let arguments = (ins Fragment_AnyTile:$tile, AnyMemRef:$view);
  let assemblyFormat = "$tile `,` $view attr-dict `:` type($tile) `,` type($view)";
  let hasVerifier = 1;
}

#endif // ATTN_DIALECT_FRAGMENT_IR_FRAGMENTOPS_TD
