// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_DIALECT_ATTENTION_TRANSFORMS_PASSES_TD
#define ATTN_DIALECT_ATTENTION_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnNormalizePass : InterfacePass<"attn-normalize", "::mlir::FunctionOpInterface"> {
  let summary = "Rewrite named attention ops as attn.generic";
  let description = [{
    **Takes** named ops and `attn.generic` (stage `import`). **Leaves** `attn.generic` and views, no named op:
    * layouts are indexing maps; nothing is transposed;
    * where H and Hkv are not known to be equal, Q, bias, mask and results are split into [Hkv, G] by
      `tensor.expand_shape`, and results joined again: the group g is a row loop. K and V are neither split nor repeated;
    * scale is explicit, bias is a score operand that the score region adds, a boolean mask is a mask operand, and causal
      is a mask region `j <= i` or `j <= i + (M - N)`;
    * `attn.additive` has the similarity region `weight * tanh(q + k)`;
    * `attn.rope` is an elementwise `linalg.generic` that reads the other element of a pair by `tensor.extract`, and
      `attn.gather_pages` one that reads pages;
    * `attn.packed` is one `attn.generic` over the rows and keys of all sequences, with two mask operands over rows: from
      which key to which key a row may look, causal included. They are elementwise `linalg.generic` of a third one, which
      finds the sequence of a row by bisection;
    * `attn.append_kv` stays, with assertions;
    * a score that is `select(c, s, -inf)`, or the other way round, where c does not see the score, is s with c in the mask;
    * sizes that types leave open and the op needs to be equal are asserted (`cf.assert`, "'key' and 'value' agree on M"),
      those of each `attn.generic` and linalg op too. The op then carries `attn.checked`, and a second run adds nothing.
    **Source**: Ainslie et al. 2023, sec. 2.2 (grouped heads).
    (example: test/Dialect/Attention/Transforms/normalize.mlir @grouped_heads_are_rows)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def AttnDecomposeNaivelyPass : InterfacePass<"attn-decompose-naively", "::mlir::FunctionOpInterface"> {
  let summary = "Write attention as one linalg.generic for each step of its definition";
  let description = [{
    **Takes** `attn.generic`, `attn.online`, `attn.weights`, `attn.merge` and `attn.finalize`, with any normalizer, region
    and result, and `attn.append_kv`. **Leaves** `linalg.fill`, `linalg.generic` and slices on tensors, which upstream's
    passes bufferise and lower. Reductions over keys run in ascending order; of `attn.append_kv` an `scf.for` inserts the
    rows of one sequence after the other, behind an assertion that they fit.
    **Cost**: the whole N x M score matrix, three times. It is what other lowerings are tested against, and the seed of an
    unfused plan.
    **Fails** on named ops: run attn-normalize first.
    (example: test/Dialect/Attention/Transforms/decompose-naively.mlir @softmax)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AttnSelectPlanPass : InterfacePass<"attn-select-plan", "::mlir::FunctionOpInterface"> {
  let summary = "Choose tile sizes for each attention op";
  let description = [{
    **Takes** `attn.generic` (stage `normalize`). **Leaves** the same ops, each with `attn.plan = #attn.plan<..>`; a plan
    that is there already is kept. Later stages obey it and decide nothing.
    **Choice** of orientation: `rows_major` (lanes are neighbours in a row of K, V or scores) where the query rows are known
    and fill at most a vector (half of one where pairs of bf16 are multiplied), else `rows_minor` (lanes are query rows). In
    `rows_major` a tile has all the rows and 8 to 32 keys, whose K and V fill a quarter of L1 (half from 8 rows on), and c
    vectors are a row of V, or as large a part of it as 16 accumulators of 32 registers (12 of 16) allow. In `rows_minor`:
    * `lanes`: what a vector register holds of the accumulator type.
    * `register_tile` [r, c]: r x c accumulators fill the registers that a contraction can spare: 16 of 32, 12 of 16.
      c is 4 (32 registers) or 2, less where there are fewer query rows.
    * `rows`: 64, or the query rows rounded up to full vectors where they are known to be fewer.
    * `keys`: at most 128, a multiple of r; the score tile takes half of L1, and fewer keys, but at least 32, where all of
      a tile's operands would not fit half of L2.
    * `precision`: bf16 where the machine multiplies pairs of bf16, Q, K and V hold them, D is even and the similarity is
      their product.
    With `shared-bytes` the plan is one for a GPU: a block of 4 warps has 64 rows, one of few rows (decoding) as many
    warps of 16 rows as they fill, and `split`; K and V of two key tiles (one, where
    two have no room) lie in shared memory; 64 keys, 32 where D or Dv is above 128. f16 and bf16 are multiplied by tensor
    cores, f32 and other similarities by the threads, key by key. **Fails** there for D or Dv above 256, f64, and results
    other than out, lse and max.

    **Fails** when D or Dv is of unknown size. **Remark** (passed): the plan and the bytes that it keeps live.
    (example: test/Dialect/Attention/Transforms/select-plan.mlir @avx512)
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "256", "Width of a vector register, in bits">,
    Option<"vectorRegisters", "vector-registers", "int64_t", "16", "Number of vector registers">,
    Option<"l1Bytes", "l1-bytes", "int64_t", "32768", "Size of the L1 data cache, in bytes">,
    Option<"l2Bytes", "l2-bytes", "int64_t", "524288", "Size of the L2 cache, in bytes">,
    Option<"hasBf16Dot", "bf16-dot", "bool", "false", "Whether the machine multiplies pairs of bf16 and adds in f32">,
    Option<"sharedBytes", "shared-bytes", "int64_t", "0",
           "A GPU with tensor cores and so much shared memory for a block, in bytes; 0: a CPU">
  ];
}

def AttnPlanStagesPass : InterfacePass<"attn-plan-stages", "::mlir::FunctionOpInterface"> {
  let summary = "Choose which linalg ops beside attention become stages of a kernel, and their tiles";
  let description = [{
    **Takes** a function of linalg ops on tensors and attention (stage `normalize`). **Leaves** the same, with named linalg
    ops as `linalg.generic`, and `attn.plan` on the last op of each stage. A stage is a group of ops that are computed tile
    by tile, in one parallel loop, without storing what is between them:
    * `product`: a contraction and the elementwise ops behind it (bias, activation, residual), as far as nothing else reads
      what is between; the plan's `rows` (128) and columns (its register tile's vectors) are a tile, `keys` (64) the steps
      of the reduction whose weights are packed at a time, so that they stay in L1. `precision` is bf16 where the machine
      multiplies pairs of bf16 and both operands hold them, the left one with the reduction innermost;
    * `rowwise`: reductions and elementwise ops over the same rows (a norm), in tiles of `rows` whole rows.

    An elementwise op that makes an operand of attention out of what is stored has no plan: it is made in the tiles of the
    attention (attn-tile-and-fuse). One that reads what a stage computed is made there, or is a stage, so that it is
    computed once. What only picks elements of a table (pages of a cache) is never a stage.

    The rows of an `attn.append_kv` are the last op of a stage: the elementwise op that makes them, or a copy of them. The
    cache is stored, before and after.
    **Fails** for an `attn.append_kv` whose cache is no argument of the function, is used by anybody else, or is not
    returned: it could not be updated in place.
    **Fails** for a `linalg.generic` beside attention with more than one result, a result of rank 0, an input whose
    dimensions are not loops of their own, or arithmetic in 16 bits.
    (example: test/Dialect/Attention/Transforms/plan-stages.mlir @projection)
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "256", "As attn-select-plan">,
    Option<"vectorRegisters", "vector-registers", "int64_t", "16", "As attn-select-plan">,
    Option<"hasBf16Dot", "bf16-dot", "bool", "false", "As attn-select-plan">
  ];
  let dependentDialects = ["::attn::AttnDialect", "::mlir::linalg::LinalgDialect"];
}

def AttnTileStagesPass : InterfacePass<"attn-tile-stages", "::mlir::FunctionOpInterface"> {
  let summary = "Cut linalg ops beside attention into tiles, a parallel loop for each stage";
  let description = [{
    **Takes** `linalg.generic` with `attn.plan` (attn-plan-stages). **Leaves** an `scf.forall` in place of each stage, which
    carries the plan, over the outer dimensions of its result and tiles of rows (and, of a product, columns). Inside: the
    stage's ops on tiles, in scratch of static size, the last one into a slice of the result. A contraction packs a block
    of its right operand (`attn.role = "pack"`), in rows of columns whichever way it is stored, and adds its product with
    the rows (`attn.role = "product"`) to an accumulator tile; other ops have `attn.role = "stage"`. A stage of rows that
    an `attn.append_kv` takes writes into a slice of the cache, from the position of its sequence on, and its loop carries
    `attn.in_place`; that all positions fit is asserted by a loop in front.
    **Fails** where an op cannot be made tile by tile: a dimension of unknown size that would be whole in each tile.
    **Source**: Goto and van de Geijn 2008, sec. 4 (a packed block of one operand in cache).
    (example: test/Dialect/Attention/Transforms/tile-stages.mlir @projection)
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AttnExplainMasksPass : Pass<"attn-explain-masks"> {
  let summary = "Print what the compiler understood of each mask";
  let description = [{
    **Takes** `attn.generic` with a plan (stage `plan`). **Leaves** the IR as it is. **Prints**, to standard output, for each
    mask, as text or as one line of JSON: constraints on kept and masked pairs; formulas for what a row tile visits and for
    what has masked pairs; whether they are exact, and which ops were not understood; the loops that come of it; and, where
    `shape`, `arg` and `values` give a number to all that matters, a picture of full, partial and empty tiles with the
    number that is needed (docs/Masks.md). **Writes**, where `svg` names a file, these pictures to it, beside those of the
    tiles that are needed.

    **Fails** for an op without plan, and for names in `shape` or `arg` that no argument has; with `svg` also where there is
    no mask, a mask has no picture, or the file cannot be written.
    (example: test/Dialect/Attention/Transforms/explain-masks.mlir)
  }];
  let options = [
    Option<"values", "values", "std::string", "\"\"",
           "Numbers by the names that the text uses: N=300;M=500;lengths=16. They go before shape and arg">,
    ListOption<"shapes", "shape", "std::string", "Sizes of a tensor argument, as in q=1x12x77x64">,
    ListOption<"scalars", "arg", "std::string", "Value of an integer argument, as in window=256">,
    Option<"json", "json", "bool", "false", "One line of JSON for each mask instead of text">,
    Option<"svg", "svg", "std::string", "\"\"", "Write the pictures to this file as SVG">
  ];
}

def AttnExplainPlanPass : Pass<"attn-explain-plan", "::mlir::ModuleOp"> {
  let summary = "Say why each plan is what it is, and what it will cost";
  let description = [{
    **Takes** `attn.generic` with a plan (stage `plan`). **Leaves** the IR as it is. **Prints**, to standard output, for each op, as
    text or as one line of JSON:
    * each number of the plan with the inequality that set it, or what would have been chosen where it was given;
    * tasks, and the key tiles they visit, of those that there are: the loops of attn-tile-and-fuse, run on a copy;
    * flops of the two products, exponentials, and bytes: what one key tile keeps live, what tasks read and write, and
      the tensors, each counted once.

    Sizes that types leave open, and scalar arguments, are taken from `shape` and `arg`; what depends on others, or on
    elements of a tensor, is said to be unknown. Rows that are redone for a NaN or an infinity are not counted.
    **Fails** on an attention op without plan, and for names in `shape` or `arg` that no argument has.
    (example: test/Dialect/Attention/Transforms/explain-plan.mlir @causal)
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "256", "As attn-select-plan">,
    Option<"vectorRegisters", "vector-registers", "int64_t", "16", "As attn-select-plan">,
    Option<"l1Bytes", "l1-bytes", "int64_t", "32768", "As attn-select-plan">,
    Option<"l2Bytes", "l2-bytes", "int64_t", "524288", "As attn-select-plan">,
    Option<"hasBf16Dot", "bf16-dot", "bool", "false", "As attn-select-plan">,
    Option<"sharedBytes", "shared-bytes", "int64_t", "0", "As attn-select-plan">,
    Option<"json", "json", "bool", "false", "One line of JSON for each op instead of text">,
    ListOption<"shapes", "shape", "std::string", "Sizes of a tensor argument, as in q=1x12x77x64">,
    ListOption<"scalars", "arg", "std::string", "Value of an integer argument, as in window=256">
  ];
}

def AttnTileAndFusePass : InterfacePass<"attn-tile-and-fuse", "::mlir::FunctionOpInterface"> {
  let summary = "Cut attention into row tiles and key tiles";
  let description = [{
    **Takes** `attn.generic` with a plan (stage `plan`). **Leaves** no `attn.generic`, but for each an `scf.forall` over
    batches, rows and row tiles, which carries the plan, and in it:
    * Q, scaled, and every operand over rows, packed to scratch tiles with the rows last (`attn.role = "pack"`), zeros
      beyond the rows there are; in orientation `rows_major` with the rows first, and only where they are last;
    * an `scf.for` over key tiles for each segment of the key ranges of the mask, with `attn.online`: without mask region
      where the mask keeps every pair, on whole tiles; with the mask, and on tiles of a run-time number of keys, else.
      Keys that the mask keeps for no row of the tile are not visited (docs/Masks.md); where these are not a few runs, one
      loop tests each tile. Where the mask is not affine in row and key, ranges of its values on the tile are computed in
      front of each tile that would run it: one that is masked everywhere is skipped, one that is masked nowhere runs
      without mask. K and V are slices, never copied;
    * of an operand that an elementwise `linalg.generic` makes (one result, parallel loops, inputs over some of them each,
      any scalar body: dequantisation, a norm's factors, rotary positions, rows of pages) only the part of a tile, in
      scratch, where the tile is read (`attn.role = "produce"`);
    * a check for what should not have been summed (`attn.role = "check"`): if acc holds a NaN or an infinity, the rows
      are redone with guarded `attn.online`;
    * `attn.finalize` into slices of the results, and `attn.weights` in a second visit where weights are asked for. Top-k
      takes no second visit: its lists of scores go through the loops beside the state, and become weights in the end.
    **Remark** (missed): an op of the mask that is not affine in row and key, and whether its range is looked at.
    **Fails** for top-k of more than 64 ranks or with a plan that divides keys, for D or Dv of unknown size, for a batch
    or row loop of static size 0, without a plan, and in `rows_major` where the rows are no multiple of the plan's.
    **Source**: Dao et al. 2022, alg. 1.
    (example: test/Dialect/Attention/Transforms/tile-and-fuse.mlir @causal_stops_at_diagonal)
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def AttnVerifyStagePass : Pass<"attn-verify-stage"> {
  let summary = "Check what a stage promises to the next one";
  let description = [{
    **Takes** any IR after the stage named by `stage`. **Leaves** it as it is. **Fails**, with a note that names the pass
    that owed it, unless:

    | stage | promise |
    |---|---|
    | `normalize` | attention is `attn.generic`: no named op, no op on tiles |
    | `plan` | and each `attn.generic` carries `attn.plan` |
    | `tile` | attention ops are on tiles, with row tiles of known size, in an `scf.forall` with `attn.plan` |
    | `linalg` | no attn op; `linalg.generic` ops in that loop carry `attn.role`; no tensor in a kernel's signature |
    | `target` | only `llvm` ops, `gpu.binary`, and `nvvm` ops in a `gpu.module` |

    (example: test/Dialect/Attention/Transforms/verify-stage-errors.mlir)
  }];
  let options = [
    Option<"stage", "stage", "::attn::StageContract", "::attn::StageContract::Normalize", "The stage that just ran", [{
      ::llvm::cl::values(
        clEnumValN(::attn::StageContract::Normalize, "normalize", "attention as attn.generic"),
        clEnumValN(::attn::StageContract::Plan, "plan", "with tile sizes chosen"),
        clEnumValN(::attn::StageContract::Tile, "tile", "attention on tiles"),
        clEnumValN(::attn::StageContract::Linalg, "linalg", "linalg on tiles"),
        clEnumValN(::attn::StageContract::Target, "target", "code of the machine"))
    }]>
  ];
}

#endif // ATTN_DIALECT_ATTENTION_TRANSFORMS_PASSES_TD
