// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Interpreter/Interpreter.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using namespace attn;

namespace {
class InterpreterTest : public ::testing::Test {
protected:
  InterpreterTest() {
    context.loadDialect<AttnDialect, affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect,
                        func::FuncDialect, linalg::LinalgDialect, math::MathDialect, tensor::TensorDialect>();
  }

  /// Runs the only function of `source`; keeps the first error in `error`.
  SmallVector<RuntimeValue> run(StringRef source, ArrayRef<RuntimeValue> arguments,
                                InterpreterMode mode = InterpreterMode::Evaluate) {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (error.empty())
        error = diagnostic.str();
    });
    module = parseSourceString<ModuleOp>(source, &context);
    if (!module)
      return {};
    InterpreterOptions options;
    options.mode = mode;
    auto results = interpret(*module->getOps<func::FuncOp>().begin(), arguments, options, &summary);
    return succeeded(results) ? *results : SmallVector<RuntimeValue>();
  }

  RuntimeValue tensor(Type type, std::vector<int64_t> sizes, std::vector<double> values) {
    auto result = std::make_shared<TensorValue>();
    result->elementType = type;
    result->sizes = std::move(sizes);
    result->values = std::move(values);
    return {std::move(result), Scalar::ofInteger(0)};
  }
  RuntimeValue floats(std::vector<int64_t> sizes, std::vector<double> values) {
    return tensor(Float32Type::get(&context), std::move(sizes), std::move(values));
  }
  static RuntimeValue integer(int64_t value) { return {nullptr, Scalar::ofInteger(value)}; }

  /// One i32 expression of %a and %b.
  int64_t evaluate(StringRef body, int64_t a, int64_t b) {
    std::string source = "func.func @f(%a: i32, %b: i32) -> i32 {\n" + body.str() + "\n  return %r : i32\n}";
    SmallVector<RuntimeValue> results = run(source, {integer(a), integer(b)});
    EXPECT_EQ(error, "");
    return results.empty() ? -12345 : results[0].scalar.i;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  InterpreterSummary summary;
  std::string error;
};

constexpr const char *kCausal = R"(
func.func @causal(%q: tensor<?x2xf32>, %k: tensor<?x2xf32>, %v: tensor<?x1xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %q, %c0 : tensor<?x2xf32>
  %init = tensor.empty(%n) : tensor<?x1xf32>
  %o = attn.generic ins(%q, %k, %v : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x1xf32>)
    outs(out %init : tensor<?x1xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>,
          affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>]
    scale(2.0) normalizer(#attn.softmax)
    mask {
      %i = attn.index 0
      %j = attn.index 1
      %keep = arith.cmpi sle, %j, %i : index
      attn.yield %keep : i1
    }
  %r = tensor.collapse_shape %o [[0, 1]] : tensor<?x1xf32> into tensor<?xf32>
  return %r : tensor<?xf32>
})";
} // namespace

TEST_F(InterpreterTest, EvaluatesAttention) {
  RuntimeValue q = floats({2, 2}, {0, 0, 1, 0}), k = floats({3, 2}, {1, 0, 2, 0, 9, 9}),
               v = floats({3, 1}, {5, 7, 100});
  SmallVector<RuntimeValue> results = run(kCausal, {q, k, v});
  ASSERT_EQ(error, "");
  ASSERT_EQ(results.size(), 1u);
  const TensorValue &out = *results[0].tensor;
  EXPECT_EQ(out.sizes, (std::vector<int64_t>{2}));
  EXPECT_EQ(out.values[0], 5); // the first row sees the first key only
  // Scores 2 and 4: the larger weight is 1 / (1 + exp(-2)).
  double weight = 1 / (1 + std::exp(-2.0));
  EXPECT_NEAR(out.values[1], 5 * (1 - weight) + 7 * weight, 1e-14);
  // The tolerance survives the reshape, and lies between an f32 rounding and a useless one.
  ASSERT_EQ(out.tolerances.size(), 2u);
  EXPECT_GT(out.tolerances[1], 7 * 0x1p-24);
  EXPECT_LT(out.tolerances[1], 7e-5);
  // Three kept pairs of D + Dv = 3.
  EXPECT_EQ(summary.usefulFlops, 2 * 3 * 3);
}

TEST_F(InterpreterTest, InfersSizesWithoutElements) {
  SmallVector<RuntimeValue> results =
      run(kCausal, {floats({7, 2}, {}), floats({3, 2}, {}), floats({3, 1}, {})}, InterpreterMode::Sizes);
  ASSERT_EQ(error, "");
  EXPECT_EQ(results[0].tensor->sizes, (std::vector<int64_t>{7}));
}

TEST_F(InterpreterTest, ScoreRegionsWidenTheBudgetBySlope) {
  std::string scored = kCausal;
  scored.insert(scored.find("    mask {"), R"(    score {
    ^bb0(%s: f32):
      %three = arith.constant 3.0 : f32
      %t = arith.mulf %s, %three : f32
      attn.yield %t : f32
    }
)");
  RuntimeValue q = floats({2, 2}, {0, 0, 1, 0}), k = floats({2, 2}, {1, 0, 2, 0}), v = floats({2, 1}, {5, 7});
  SmallVector<RuntimeValue> plain = run(kCausal, {q, k, v});
  double plainTolerance = plain[0].tensor->tolerances[1];
  SmallVector<RuntimeValue> results = run(scored, {q, k, v});
  ASSERT_EQ(error, "");
  double weight = 1 / (1 + std::exp(-6.0));
  EXPECT_NEAR(results[0].tensor->values[1], 5 * (1 - weight) + 7 * weight, 1e-14);
  EXPECT_GT(results[0].tensor->tolerances[1], 1.5 * plainTolerance);
}

// exp of a sum near -70 errs by 70 units of its result, small as operand and result are (attn-fuzz, seed 11, case
// 2354).
TEST_F(InterpreterTest, ScoreRegionsWidenTheBudgetByWhatIsBetween) {
  auto getTolerance = [&](StringRef score) {
    std::string source = R"(
func.func @max(%q: tensor<1x1xf32>, %k: tensor<1x1xf32>, %v: tensor<1x1xf32>) -> tensor<1xf32> {
  %init = tensor.empty() : tensor<1x1xf32>
  %max = tensor.empty() : tensor<1xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>)
    outs(out %init : tensor<1x1xf32>, max %max : tensor<1xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>,
          affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>, affine_map<(i, j, d, e) -> (i)>]
    scale(1.0) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32):
      %far = arith.constant -70.0 : f32
      %sum = arith.addf %s, %far : f32
)" + score.str() + R"(
      attn.yield %t : f32
    }
  return %r#1 : tensor<1xf32>
})";
    SmallVector<RuntimeValue> results = run(source, {floats({1, 1}, {0}), floats({1, 1}, {0}), floats({1, 1}, {1})});
    return results.empty() ? -1 : results[0].tensor->tolerances[0];
  };
  double unit = 0x1p-24, exp = getTolerance("      %t = math.exp %sum : f32");
  ASSERT_EQ(error, "");
  EXPECT_GT(exp, 70 * unit * std::exp(-70.0));
  EXPECT_LT(exp, 100 * unit * std::exp(-70.0));
  // Cancellation errs by what cancels.
  double cancelled = getTolerance("      %t = arith.subf %sum, %far : f32");
  EXPECT_GE(cancelled, 70 * unit);
  EXPECT_LT(cancelled, 75 * unit);
}

TEST_F(InterpreterTest, IntegersHaveTheirWidth) {
  EXPECT_EQ(evaluate("%r = arith.addi %a, %b : i32", 2147483647, 1), -2147483648LL);
  EXPECT_EQ(evaluate("%r = arith.divui %a, %b : i32", -1, 2), 2147483647);
  EXPECT_EQ(evaluate("%r = arith.divsi %a, %b : i32", -7, 2), -3);
  EXPECT_EQ(evaluate("%r = arith.floordivsi %a, %b : i32", -7, 2), -4);
  EXPECT_EQ(evaluate("%r = arith.ceildivsi %a, %b : i32", 7, 2), 4);
  EXPECT_EQ(evaluate("%r = arith.remsi %a, %b : i32", -7, 2), -1);
  EXPECT_EQ(evaluate("%r = arith.shrui %a, %b : i32", -1, 28), 15);
  EXPECT_EQ(evaluate("%r = arith.divsi %a, %b : i32", 1, 0), 0); // undefined: must not trap
  EXPECT_EQ(evaluate("%c = arith.cmpi ult, %a, %b : i32\n %r = arith.extui %c : i1 to i32", 1, -1), 1);
  EXPECT_EQ(evaluate("%c = arith.cmpi slt, %a, %b : i32\n %r = arith.extsi %c : i1 to i32", -1, 1), -1);
  EXPECT_EQ(evaluate("%c = arith.trunci %a : i32 to i8\n %r = arith.extsi %c : i8 to i32", 200, 0), -56);
  EXPECT_EQ(evaluate("%c = arith.trunci %a : i32 to i8\n %r = arith.extui %c : i8 to i32", 200, 0), 200);
  EXPECT_EQ(evaluate("%c = arith.index_cast %a : i32 to index\n %d = affine.apply affine_map<(d) -> (d floordiv 4 + "
                     "d mod 3)>(%c)\n %r = arith.index_cast %d : index to i32",
                     -5, 0),
            -1);
  EXPECT_EQ(evaluate("%c = arith.sitofp %a : i32 to f32\n %d = math.sqrt %c : f32\n %r = arith.fptosi %d : f32 to i32",
                     17, 0),
            4);
}

TEST_F(InterpreterTest, RunsProducers) {
  SmallVector<RuntimeValue> results = run(R"(
    func.func @f(%a: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<2x1xf32>) {
      %init = tensor.empty() : tensor<3x2xf32>
      %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>],
                           iterator_types = ["parallel", "parallel"]}
          ins(%a : tensor<2x3xf32>) outs(%init : tensor<3x2xf32>) {
        ^bb0(%x: f32, %y: f32):
          %i = linalg.index 0 : index
          %c = arith.index_cast %i : index to i32
          %f = arith.sitofp %c : i32 to f32
          %s = arith.addf %x, %f : f32
          linalg.yield %s : f32
      } -> tensor<3x2xf32>
      %slice = tensor.extract_slice %a[0, 1] [2, 1] [1, 1] : tensor<2x3xf32> to tensor<2x1xf32>
      return %t, %slice : tensor<3x2xf32>, tensor<2x1xf32>
    })",
                                          {floats({2, 3}, {10, 20, 30, 40, 50, 60})});
  ASSERT_EQ(error, "");
  EXPECT_EQ(results[0].tensor->values, (std::vector<double>{10, 40, 21, 51, 32, 62}));
  EXPECT_EQ(results[1].tensor->values, (std::vector<double>{20, 50}));
  // What is returned is judged: one addition in f32.
  ASSERT_EQ(results[0].tensor->tolerances.size(), 6u);
  EXPECT_GT(results[0].tensor->tolerances[3], 0);
  EXPECT_LT(results[0].tensor->tolerances[3], 51 * 0x1p-22);
}

TEST_F(InterpreterTest, SaysWhatItCannotDo) {
  run("func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {\n %r = math.exp %a : tensor<4xf32>\n return %r : "
      "tensor<4xf32>\n}",
      {floats({4}, {1, 2, 3, 4})});
  EXPECT_EQ(error, "cannot interpret 'math.exp'");
  error.clear();
  run("func.func @f(%a: i1) {\n cf.assert %a, \"q and k differ in D\"\n return\n}", {integer(0)});
  EXPECT_EQ(error, "does not hold for these arguments: q and k differ in D");
  error.clear();
  // Sizes that disagree.
  run(kCausal, {floats({2, 2}, {0, 0, 1, 0}), floats({3, 2}, {1, 0, 2, 0, 9, 9}), floats({2, 1}, {5, 7})});
  EXPECT_NE(error, "");
}
