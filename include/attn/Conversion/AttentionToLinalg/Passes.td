// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_CONVERSION_ATTENTIONTOLINALG_PASSES_TD
#define ATTN_CONVERSION_ATTENTIONTOLINALG_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnConvertToLinalgPass : InterfacePass<"attn-convert-to-linalg", "::mlir::FunctionOpInterface"> {
  let summary = "Write attention ops on tiles as linalg ops on tiles";
  let description = [{
    **Takes** `attn.online`, `attn.weights`, `attn.merge` and `attn.finalize` on tiles (stage `tile`). **Leaves** `linalg.fill`
    and `linalg.generic` on tensors, each with `attn.role`:

    | role | what |
    |---|---|
    | `qk` | scores: the similarity summed over d, and the zeros before it |
    | `softmax` | scale, score and mask with the maximum of the tile; the state; the exponentials with their sum |
    | `rescale` | `x := alpha * x`, elementwise, directly before a reduction into the same x |
    | `pv` | the weighted sum of value rows |
    | `finalize`, `unpack` | vectors over rows; `out` from the accumulator |
    | `merge` | two partial results into one |

    Scores lie as acc does with keys in the place of e (rows-minor plans: `[keys, rows]`), in a scratch of static size:
    the keys of the plan, of which an incomplete tile uses a slice. Loops of each op are the dimensions of its first
    output in their order, then reductions. Every op updates its destination in place: after one-shot bufferisation
    there is no copy and no allocation of unknown size. (Not after CSE on tensors: that makes one destination of two,
    and bufferisation two of it again, by a copy.)

    **Numbers**: no fast-math flag but `contract` on the products and sums of `qk` and `pv`. Maxima are `cmpf ogt` with
    `select`: a NaN score does not become the maximum, but its exponential is NaN.

    **Fails** for a normalizer other than softmax, for a row tile of unknown size, and for a key tile of unknown size
    without a plan.

    **Source**: Milakov & Gimelshein 2018, alg. 3; Dao et al. 2022, alg. 1.
    (example: test/Conversion/AttentionToLinalg/convert-to-linalg.mlir @online_dense)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // ATTN_CONVERSION_ATTENTIONTOLINALG_PASSES_TD
