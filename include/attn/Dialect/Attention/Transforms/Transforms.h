// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Transforms of attention ops: functions for other passes and tests, and the passes around them.
#ifndef ATTN_DIALECT_ATTENTION_TRANSFORMS_TRANSFORMS_H
#define ATTN_DIALECT_ATTENTION_TRANSFORMS_TRANSFORMS_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
class RewriterBase;
namespace scf {
class ForallOp;
} // namespace scf
} // namespace mlir

namespace attn {

/// The stage whose promise attn-verify-stage checks.
enum class StageContract { Normalize, Plan, Tile, Linalg, Target };

#define GEN_PASS_DECL
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"

/// The passes that print to standard output, but to `os`, which outlives them.
std::unique_ptr<mlir::Pass> createAttnExplainMasksPass(AttnExplainMasksPassOptions options, llvm::raw_ostream &os);
std::unique_ptr<mlir::Pass> createAttnExplainPlanPass(AttnExplainPlanPassOptions options, llvm::raw_ostream &os);

/// Replaces `op` by an attn.generic, views of its operands and results, and assertions for what types leave open.
GenericOp normalize(mlir::RewriterBase &rewriter, SdpaOp op);
GenericOp normalize(mlir::RewriterBase &rewriter, AdditiveOp op);

/// Replaces `op` by contractions (linalg.generic), norms, attn.rope and attn.sdpa, which it normalises in turn.
void normalize(mlir::RewriterBase &rewriter, MultiHeadOp op);

/// Replaces `op` by an elementwise linalg.generic and assertions for what types leave open.
void normalize(mlir::RewriterBase &rewriter, RopeOp op);

/// Moves conditions under which a score is -inf, whatever it would be else, from the score region to the mask. False:
/// there are none.
bool moveScoreMasks(mlir::RewriterBase &rewriter, GenericOp op);

/// Replaces an attn.generic or an attention op on tiles by one linalg.generic for each step of its definition. Fails
/// with an error for any other op.
llvm::LogicalResult decomposeNaively(mlir::RewriterBase &rewriter, mlir::Operation *op);

/// What the choice of tile sizes depends on.
struct TargetDescription {
  int64_t vectorBits = 256;     ///< width of a vector register, in bits
  int64_t vectorRegisters = 16; ///< number of vector registers
  int64_t l1Bytes = 32768;      ///< L1 data cache, in bytes
  int64_t l2Bytes = 524288;     ///< L2 cache, in bytes
  bool hasBf16Dot = false;      ///< multiplies pairs of bf16 and adds in f32
  int64_t sharedBytes = 0;      ///< a GPU with tensor cores and so much shared memory for a block, in bytes; 0: a CPU
};

/// Why a number of a plan is what it is.
struct PlanReason {
  llvm::StringRef name; ///< as in #attn.plan
  std::string value;    ///< as #attn.plan prints it
  std::string text;     ///< the inequality that set it, with its numbers
};

struct PlanChoice {
  PlanAttr plan;
  llvm::SmallVector<PlanReason> reasons;
};

/// Chooses the plan of `op` without changing it. Fails with an error where D or Dv is of unknown size.
mlir::FailureOr<PlanChoice> choosePlan(GenericOp op, const TargetDescription &target);
mlir::FailureOr<PlanAttr> selectPlan(GenericOp op, const TargetDescription &target);

/// A number of the plan by the name that a PlanReason has, as the attribute prints it.
std::string getPlanNumber(PlanAttr plan, llvm::StringRef name);

/// Bytes that one iteration of the key loop touches, with tiles as in `plan`.
int64_t getLiveBytes(GenericOp op, PlanAttr plan);

/// Replaces `op`, which carries a plan in `attn.plan`, by loops over tiles: one iteration of the returned loop for each
/// batch, each row that is not tiled, and each row tile. Fails with an error for what cannot be tiled, `op` untouched.
mlir::FailureOr<mlir::scf::ForallOp> tileAttention(mlir::RewriterBase &rewriter, GenericOp op);

/// The name of a stage, as the option of attn-verify-stage spells it.
llvm::StringRef stringifyStageContract(StageContract stage);

/// Reports, on each op at fault, what `root` has that `stage` does not allow.
llvm::LogicalResult verifyStage(mlir::Operation *root, StageContract stage);

} // namespace attn

#endif // ATTN_DIALECT_ATTENTION_TRANSFORMS_TRANSFORMS_H
