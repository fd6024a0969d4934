// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_CONVERSION_PREPAREABI_PASSES_TD
#define ATTN_CONVERSION_PREPAREABI_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnPrepareAbiPass : Pass<"attn-prepare-abi", "::mlir::func::FuncOp"> {
  let summary = "Let the caller own every buffer of a kernel";
  let description = [{
    **Takes** functions of one block on tensors that hold an `scf.forall` with `attn.plan` for each stage (stage `tile`
    or later).
    **Leaves** functions that return nothing and take views: `memref<.., strided<[?, .., ?, 1], offset: ?>>` for each
    tensor argument, then one for each tensor result (rank 0: a plain memref). Integers, floats and indices stay.

    Inputs enter by `bufferization.to_tensor restrict` and cannot be written; outputs enter `restrict writable`, take the
    place of the `tensor.empty` that the `scf.forall` writes into, and leave by `materialize_in_destination`. A result
    that is a `tensor.collapse_shape` (grouped heads) becomes a `memref.expand_shape` of the output, so bufferisation
    copies nothing and allocates nothing of unknown size. That an output has the sizes of its result is asserted
    (`cf.assert`) before the loop.

    `attn.arguments` on the function lists the arguments for who writes the header:
    `{kind = "input" | "inout" | "output" | "scalar", name = .., type = ..}` with the types they had. Names come from the
    argument or result attribute `attn.name`; without it they are `arg0`, `arg1`, .. and `out` (`out0`, `out1`, .. if
    several).

    A result of a loop with `attn.in_place` starts from an argument instead of a `tensor.empty` (attn.append_kv) and is no
    output of its own: the argument has kind `inout`, is writable, and is updated in place.

    What one loop hands to another stays a tensor.
    **Fails** for ops beside the loops that would need memory or time of their own (loops that read and compute scalars
    for an assertion are checks), for results that no loop writes, for an argument that is updated and used beside that, and
    for static sizes above `ATTN_MAX_SIZE`. **No effect** on functions without tensors in their signature.
    (example: test/Conversion/PrepareAbi/prepare-abi.mlir @dense)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
                           "::mlir::cf::ControlFlowDialect",
                           "::mlir::memref::MemRefDialect"];
}

#endif // ATTN_CONVERSION_PREPAREABI_PASSES_TD
