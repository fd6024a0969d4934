// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_CONVERSION_ATTENTIONTOFRAGMENT_PASSES_TD
#define ATTN_CONVERSION_ATTENTIONTOFRAGMENT_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnConvertToFragmentPass : Pass<"attn-convert-to-fragment", "::mlir::func::FuncOp"> {
  let summary = "Write attention on tiles as tiles that the threads of a GPU hold";
  let description = [{
    **Takes** kernel functions after attn-prepare-abi whose `scf.forall` carries a plan with `warps`, attention ops on
    tiles in it (stage `tile`); others are left alone. **Leaves** the same loops without tensors: views are memrefs,
    accumulator and state are `!fragment.tile`, Q, K and V of a tile lie in `!fragment.shared`.
    * `attn.online` of f16 or bf16: K and V are fetched to stage 0, `S = Q K^T` and `acc + P V` are `fragment.dot`, what is
      between them `fragment.map` and `fragment.reduce`; score and mask regions stand in a `fragment.map` as they were.
      Keys beyond the tile's count are masked.
    * `attn.online` that is guarded (rows that are done again, and all of a plan in precision `accumulator`): key by key,
      scores by multiply-adds in f32, what is not kept left out by selection.
    * scratch tiles (`attn.role = "pack"`) are not made: Q is fetched, other operands are read where they lie, at positions
      that exist.
    **Numbers**: as attn-convert-to-linalg, with weights rounded to the type of V for the second product. exp2 of tiles in
    f16 and bf16 carries `fastmath<afn>`: the machine's approximation does.
    **Fails** for a normalizer other than softmax, for `attn.weights`, and for views of Q, K or V with other than two
    dimensions on a tile.
    **Source**: Dao 2023 (FlashAttention-2), alg. 1.
    (example: test/Conversion/AttentionToFragment/convert-to-fragment.mlir @dense)
  }];
  let dependentDialects = ["::attn::fragment::FragmentDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

#endif // ATTN_CONVERSION_ATTENTIONTOFRAGMENT_PASSES_TD
