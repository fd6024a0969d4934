// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The reduction tree applies all patterns at once and tests what comes of it: one clause too many, and everything is
// taken back. So the pattern tests each change itself, on a copy of the module.

#include "ReductionPatterns.h"

#include "Simplifications.h"
#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Reducer/ReductionPatternInterface.h"

using namespace mlir;

namespace {

template <typename Op> struct Simplify : OpRewritePattern<Op> {
  Simplify(MLIRContext *context, const Tester &tester) : OpRewritePattern<Op>(context), tester(tester) {}

  LogicalResult matchAndRewrite(Op attention, PatternRewriter &rewriter) const override {
    Operation *op = attention;
    bool changed = false;
    // One change makes others possible, or wanted once more: until a whole round has brought nothing.
    for (bool again = true; again;) {
      again = false;
      for (size_t next = 0;; ++next) {
        llvm::SmallVector<attn::Simplification> simplifications = attn::collectSimplifications(op);
        if (next >= simplifications.size())
          break;
        if (!staysInteresting(op, simplifications[next]))
          continue;
        op = simplifications[next](rewriter, op);
        changed = again = true;
      }
    }
    return success(changed);
  }

private:
  bool staysInteresting(Operation *op, const attn::Simplification &simplify) const {
    ModuleOp module = op->getParentOfType<ModuleOp>();
    while (auto outer = module->getParentOfType<ModuleOp>())
      module = outer;
    IRMapping mapping;
    OwningOpRef<ModuleOp> copy = cast<ModuleOp>(module->clone(mapping));
    IRRewriter rewriter(copy->getContext());
    simplify(rewriter, mapping.lookup(op));
    // What does not verify is no smaller case; nobody wants to hear why.
    ScopedDiagnosticHandler silence(copy->getContext(), [](Diagnostic &) { return success(); });
    return succeeded(verify(*copy)) && tester.isInteresting(*copy).first == Tester::Interestingness::True;
  }

  const Tester &tester;
};

struct AttnReduction : DialectReductionPatternInterface {
  explicit AttnReduction(Dialect *dialect) : DialectReductionPatternInterface(dialect) {}

  void populateReductionPatterns(RewritePatternSet &) const override {} // none that need no test

  void populateReductionPatternsWithTester(RewritePatternSet &patterns, Tester &tester) const override {
    patterns.add<Simplify<attn::SdpaOp>, Simplify<attn::GenericOp>>(patterns.getContext(), tester);
  }
};

} // namespace

void attn::registerReductionPatterns(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, AttnDialect *dialect) { dialect->addInterfaces<AttnReduction>(); });
}
