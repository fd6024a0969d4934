// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_TARGET_CPU_PASSES_TD
#define ATTN_TARGET_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnOutlineTasksPass : Pass<"attn-outline-tasks", "::mlir::ModuleOp"> {
  let summary = "Make the body of a kernel's parallel loop a function of a task number";
  let description = [{
    **Takes** bufferised kernel functions (attribute `attn.arguments`): scalar code, `cf.assert`, and one `scf.forall`
    that carries `attn.plan` for each stage. **Leaves** for each NAME three private functions:
    `@NAME_task(args, task, scratch)`, one iteration, with `attn.plan` and `attn.kernel`; `@NAME_tasks(args) -> index`, how many there are;
    `@NAME_check(args) -> i32`, 0 or ATTN_ERROR_SHAPE when an assertion does not hold. Assertions about elements, which
    loops in front of them look at, become a fourth one, `@NAME_check_values(args) -> i32`: 0 or ATTN_ERROR_POSITION;
    `attn.kernel` then has `checks_values`. Tasks count the row tiles of a head
    fastest and backwards: under a causal mask the longest come first. Later stages have `@NAME_task_1`, `@NAME_tasks_1`
    and so on; buffers that stand between the loops become parts of one more argument, the last of `args`, one whose last
    reader has run giving its place to a later one. Those of unknown size lie behind the others, at offsets that each
    function computes from the sizes of arguments; `@NAME_shared(args) -> index` says how many bytes all are, and
    `attn.kernel` has `shared_of_call`.
    **Fails** when the function holds no parallel loop, results, or anything else that touches memory, and when a view
    splits one dimension into two of unknown size (grouped heads of an unknown number of key heads).
    (example: test/Target/CPU/outline-tasks.mlir)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect"];
}

def AttnHideBoundsPass : Pass<"attn-hide-bounds", "::mlir::func::FuncOp"> {
  let summary = "Hide minima and maxima of positions from One-Shot Bufferize";
  let description = [{
    **Takes** kernels on tensors. **Leaves** the result of each `affine.min` and `affine.max` cast to i64 and back, which
    any canonicalisation undoes. One-Shot Bufferize compares slices by linear constraints over all that their offsets and
    sizes are made of; it takes minutes where these are the key ranges of a mask, and knows nothing of what casts hide.
    (example: test/Target/CPU/hide-bounds.mlir)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def AttnMergeSlicesPass : Pass<"attn-merge-slices", "::mlir::func::FuncOp"> {
  let summary = "Merge slices whose dropped dimension buffers could not name";
  let description = [{
    **Takes** kernels on tensors. **Leaves** no slice that drops one dimension of size 1 and keeps another one further out,
    with a larger dimension between them (Q of a packed `tensor<1x?x3xHxD>`): `memref.subview` tells dropped dimensions by
    strides, and unknown strides look alike. What is sliced further is sliced from the original. **Fails** where such a
    slice has other users.
    (example: test/Target/CPU/merge-slices.mlir)
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AttnStagePairsPass : Pass<"attn-stage-pairs", "::mlir::func::FuncOp"> {
  let summary = "Copy to scratch what products of bf16 pairs cannot read in place";
  let description = [{
    **Takes** functions whose `attn.plan` says `precision = bf16`; others are left alone. **Leaves**, before each product
    acc + a * b of bf16 whose operand has the reduction as its outer dimension and is no scratch (V, whose keys are a row
    apart), a copy of that operand (`attn.role = "stage"`) to a `memref.alloc` of whole pairs of rows, which the product
    reads instead. attn-vectorize-tiles decides how such a tile lies.
    **Cost**: each element of V is copied once per row tile that visits it.
    (example: test/Target/CPU/stage-pairs.mlir)
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect"];
}

def AttnAssignWorkspacePass : Pass<"attn-assign-workspace", "::mlir::func::FuncOp"> {
  let summary = "Place every buffer of a task in the scratch memory its caller passes";
  let description = [{
    **Takes** task functions (attribute `attn.kernel`) whose `memref.alloc` have constant size. **Leaves** `memref.view` of
    the last argument, on 64-byte boundaries, and `workspace`, in bytes, in `attn.kernel`. Buffers of sibling blocks
    share bytes. A `workspace` that is there already, of views made earlier or by hand, is kept: buffers lie behind it. **Fails** on buffers of run-time size and on buffers that leave their block.
    (example: test/Target/CPU/assign-workspace.mlir)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def AttnVectorizeTilesPass : Pass<"attn-vectorize-tiles", "::mlir::func::FuncOp"> {
  let summary = "Lower linalg ops on tiles to vector code whose lanes are an innermost dimension";
  let description = [{
    **Takes** linalg ops on memrefs in a function with `attn.plan`, whose register tile says how many accumulators fit.
    **Leaves** `scf.for`, `vector`, `arith`, `math` and `memref` loads and stores of single elements. Lanes are the innermost
    dimension of the output; where that is a reduction, or further out in an operand of one, lanes are the reduction:
    sums and maxima are kept as vectors, whose lanes are combined at the end. Contractions keep
    a block of accumulators in registers over all reductions; an elementwise op that only initialises a reduction's output
    (fill, rescale) moves into the load of its accumulators; operands whose rows lie across the lanes are transposed in
    registers; masks are computed in 32-bit lanes where intervals show that exact, else in 64. With `bf16-dot`, products
    of bf16 are taken two at a time along the reduction (`x86vector.avx512.dot`), and scratch tiles that only such
    products read hold their rows in pairs.
    **Fails** on indexing maps that are no projected permutations, on body ops without a form on lanes, and on lanes along
    a reduction that is neither a sum nor a maximum.
    **Cost**: none hidden: every vector loaded or stored is one the linalg op names.
    **Source**: the "lanes are query rows" formulation of docs/Architecture.md; register blocking as Goto & van de Geijn 2008.
    (example: test/Target/CPU/vectorize-tiles.mlir, test/Target/CPU/lane-reduction.mlir)
  }];
  let options = [
    Option<"hasBf16Dot", "bf16-dot", "bool", "false", "Whether the machine multiplies pairs of bf16 and adds in f32">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::x86vector::X86VectorDialect"];
}

def AttnExpandMathPass : Pass<"attn-expand-math", "::mlir::func::FuncOp"> {
  let summary = "Expand mathematical functions in registers, so that no maths library is needed";
  let description = [{
    **Takes** `math` ops on f32 scalars and vectors. **Leaves** `math.fma` and what has an instruction (abs, sqrt, floor,
    ceil, roundeven, trunc, copysign). `exp2` becomes a polynomial of degree 5 (relative error 1.5e-7 before rounding,
    2^0 = 1 exactly; 0 below 2^-126, without scalef already below 2^-125.5; inf from 2^128, NaN stays NaN), `exp` and
    `tanh` one of degree 6 for e^r - 1 (within 1.5 and 2.5 ulp); the others take upstream's polynomial forms. 1 / x with
    the flag arcp becomes an estimate and a step of Newton on vectors of 512 bits (relative error 2^-23).
    docs/Numerics.md lists the errors. bf16 is rounded to nearest, ties to even, subnormals kept.
    **Fails** on a function that would need a maths library, by name, and on f16 where no instruction converts it.
    (example: test/Target/CPU/expand-math.mlir)
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "256", "Width of a vector register in bits; 512 uses scalef and rcp14">,
    Option<"hasFma", "fma", "bool", "true", "Whether the machine has fused multiply-add">,
    Option<"hasF16c", "f16c", "bool", "true", "Whether the machine converts f16">,
    Option<"hasBf16Convert", "bf16-convert", "bool", "false",
           "Whether the machine converts bf16, subnormals included, and no integer instructions need to">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def AttnEmitEntryPointsPass : Pass<"attn-emit-entry-points", "::mlir::ModuleOp"> {
  let summary = "Give each kernel the C interface of attn-c/Abi.h";
  let description = [{
    **Takes** a module of the `llvm` dialect. A kernel NAME is three functions: `@NAME_task(args, task, scratch)` with the
    attribute `attn.kernel`, `@NAME_tasks(args) -> i64` and `@NAME_check(args) -> i32` (where `attn.kernel` has
    `checks_values`, `@NAME_check_values(args) -> i32` too, called when all views are known to be right), where `args` are
    memrefs in MLIR's flat form (allocated, aligned, offset, sizes, strides) and scalars by value.
    A task function of `attn.launch` has no body: it is a kernel of a GPU, which `NAME` hands to the launch function of
    its caller (attn-c/Gpu.h) after the same checks.
    **Leaves** the functions `NAME`, `NAME_workspace_size`, `NAME_abi_version` and `NAME_description` (and
    `NAME_call_workspace_size` where stages hand on what depends on sizes), and everything else
    with internal linkage. `attn.kernel` has moved to `@NAME`. `NAME` makes every check of attn_status before anything is
    written, then runs the tasks one by one or through the caller's parallel_for. Its only memory is one struct on the
    stack that the tasks share.
    **Fails** when a kernel function is missing or has other arguments than `attn.kernel` says, when names clash, and
    when a function is left without a body: an object must not need symbols of others.
    **Cost**: tens of comparisons a call, one atomic addition a task.
    (example: test/Target/CPU/emit-entry-points.mlir)
  }];
  let options = [
    Option<"cpu", "cpu", "std::string", "\"\"", "Name of the instruction set, for NAME_description()">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def AttnVerifyTargetPass : Pass<"attn-verify-target"> {
  let summary = "Check that a kernel neither allocates nor copies buffers";
  let description = [{
    **Takes** any op at the level of `memref`, `scf` and `vector`, after attn-vectorize-tiles and attn-assign-workspace.
    **Leaves** it as it is. **Fails** on `memref.alloc`, `memref.alloca` and `memref.realloc` of any size, on `memref.copy`,
    and on ops of `attn`, `linalg`, `tensor` and `bufferization`; a note names the pass that owed their replacement.
    (example: test/Target/CPU/verify-target-errors.mlir)
  }];
}

#endif // ATTN_TARGET_CPU_PASSES_TD
