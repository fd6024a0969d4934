// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Our own normalizers by their scalar code against the formulas that the reference has for them: what makes the former
// a judge of normalizers that the reference does not know.
#include "attn/Interpreter/Interpreter.h"

#include "attn/Reference/Random.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using namespace attn;

namespace {
constexpr int64_t kN = 5, kM = 17, kD = 8, kDv = 3;
constexpr double kInf = std::numeric_limits<double>::infinity();

/// One op with row results `statistics`, as "lse max entropy", beside out and weights.
std::string makeSource(StringRef normalizer, ArrayRef<StringRef> statistics) {
  std::string outs, maps, types;
  for (StringRef name : statistics) {
    outs += ", " + name.str() + " %row : tensor<5xf32>";
    maps += ", affine_map<(i, j, d, e) -> (i)>";
    types += ", tensor<5xf32>";
  }
  bool sink = normalizer.contains("sink");
  return R"(
    func.func @f(%q: tensor<5x8xf32>, %k: tensor<17x8xf32>, %v: tensor<17x3xf32>, %sink: tensor<f32>) {
      %out = tensor.empty() : tensor<5x3xf32>
      %row = tensor.empty() : tensor<5xf32>
      %w = tensor.empty() : tensor<5x17xf32>
      %r:)" +
         std::to_string(2 + statistics.size()) +
         " = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<17x8xf32>, tensor<17x3xf32>) " +
         (sink ? "normalizer_ins(%sink : tensor<f32>) " : "") +
         "outs(out %out : tensor<5x3xf32>, weights %w : tensor<5x17xf32>" + outs + R"()
        maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>,
              affine_map<(i, j, d, e) -> (j, e)>)" +
         (sink ? ", affine_map<(i, j, d, e) -> ()>" : "") + R"(,
              affine_map<(i, j, d, e) -> (i, e)>, affine_map<(i, j, d, e) -> (i, j)>)" +
         maps + "] scale(1.5) normalizer(" + normalizer.str() + R"()
        mask {
          %i = attn.index 0
          %j = attn.index 1
          %keep = arith.cmpi sle, %j, %i : index
          attn.yield %keep : i1
        }
      return
    })";
}

class NormalizerTest : public ::testing::Test {
protected:
  NormalizerTest() {
    context
        .loadDialect<AttnDialect, arith::ArithDialect, func::FuncDialect, math::MathDialect, tensor::TensorDialect>();
  }

  RuntimeValue tensor(std::vector<int64_t> sizes, uint64_t seed) {
    auto result = std::make_shared<TensorValue>();
    result->elementType = Float32Type::get(&context);
    result->values.resize(reference::countElements(sizes));
    reference::Random random(seed);
    for (double &value : result->values)
      value = 2 * random.uniform() - 1;
    result->sizes = std::move(sizes);
    return {std::move(result), Scalar::ofInteger(0)};
  }

  /// Evaluates the op both ways.
  void check(StringRef normalizer, ArrayRef<StringRef> statistics) {
    SCOPED_TRACE(normalizer.str());
    auto module = parseSourceString<ModuleOp>(makeSource(normalizer, statistics), &context);
    ASSERT_TRUE(module);
    GenericOp op;
    module->walk([&](GenericOp found) { op = found; });
    std::vector<RuntimeValue> operands{tensor({kN, kD}, 1), tensor({kM, kD}, 2), tensor({kM, kDv}, 3)};
    if (!op.getNormalizerOperands().empty())
      operands.push_back(tensor({}, 4));
    operands.push_back(tensor({kN, kDv}, 5));
    operands.push_back(tensor({kN, kM}, 5));
    for (size_t i = 0; i < statistics.size(); ++i)
      operands.push_back(tensor({kN}, 5));
    FailureOr<BoundGeneric> bound = bindGeneric(op, operands, InterpreterOptions());
    ASSERT_TRUE(succeeded(bound));
    ASSERT_NE(bound->problem.normalizer, reference::Normalizer::Custom);
    FailureOr<reference::CustomNormalizer> custom = interpretNormalizer(op);
    ASSERT_TRUE(succeeded(custom));
    reference::Problem problem = bound->problem;
    problem.normalizer = reference::Normalizer::Custom;
    problem.custom = *custom;

    std::string error;
    auto expected = reference::evaluate(bound->problem, error), actual = reference::evaluate(problem, error);
    ASSERT_TRUE(expected && actual) << error;
    reference::Results budget = reference::tolerances(bound->problem, *expected, bound->model);
    reference::Results wider = reference::tolerances(problem, *actual, bound->model);
    compare("out", expected->results.out, actual->results.out, budget.out, wider.out);
    for (auto [name, result] :
         {std::pair("lse", &reference::Results::lse), std::pair("max", &reference::Results::max),
          std::pair("entropy", &reference::Results::entropy), std::pair("weights", &reference::Results::weights)})
      if (expected->results.*result)
        compare(name, *(expected->results.*result), *(actual->results.*result), *(budget.*result), *(wider.*result));
  }

  /// The values are those of the formulas, and the budget is one: above the rounding of the result, near the proven
  /// one.
  void compare(StringRef name, const reference::Tensor &expected, const reference::Tensor &actual,
               const reference::Tensor &budget, const reference::Tensor &custom) {
    SCOPED_TRACE(name.str());
    double narrowest = kInf, widest = 0;
    for (size_t i = 0; i < expected.values.size(); ++i) {
      EXPECT_NEAR(expected.values[i], actual.values[i], 1e-14 * (1 + std::fabs(expected.values[i])));
      EXPECT_GE(custom.values[i], 0x1p-25 * std::fabs(expected.values[i]));
      if (expected.values[i] != 0) {
        narrowest = std::min(narrowest, custom.values[i] / budget.values[i]);
        widest = std::max(widest, custom.values[i] / budget.values[i]);
      }
    }
    std::printf("  %s: %.2f to %.2f times the budget of the formulas\n", name.str().c_str(), narrowest, widest);
    // Narrow where a key's own magnitude counts, not the largest of the row, or a sigmoid is near 1.
    EXPECT_GT(narrowest, 0.005);
    EXPECT_LT(widest, 10);
  }

  MLIRContext context;
};

TEST_F(NormalizerTest, CodeAgreesWithFormulas) {
  check("#attn.softmax", {"lse", "max", "entropy"});
  check("#attn.softmax", {});
  check("#attn.softmax_sink", {"lse", "max", "entropy"});
  check("#attn.sigmoid", {});
  check("#attn.identity", {});
}

TEST_F(NormalizerTest, ErrorsFollowTheCode) {
  // x > 0 ? exp(x) : 0, squared.
  Block block;
  auto type = Float32Type::get(&context);
  Location loc = UnknownLoc::get(&context);
  block.addArgument(type, loc);
  OpBuilder builder(&context);
  builder.setInsertionPointToStart(&block);
  Value zero = arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, 0.0));
  Value x = block.getArgument(0);
  Value positive = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, x, zero);
  Value chosen = arith::SelectOp::create(builder, loc, positive, math::ExpOp::create(builder, loc, x), zero);
  Value squared = arith::MulFOp::create(builder, loc, chosen, chosen);
  Value root = math::SqrtOp::create(builder, loc, x);
  func::ReturnOp::create(builder, loc, {squared, root});
  FailureOr<RegionProgram> program = RegionProgram::compile(block, DenseMap<Value, RuntimeValue>());
  ASSERT_TRUE(succeeded(program));
  auto run = [&](double value, double error, double unit) {
    program->getArgument(0) = Scalar::ofFloat(value);
    program->getArgumentError(0) = error;
    program->runWithErrors(nullptr, unit);
    return program->getError();
  };
  EXPECT_EQ(run(1, 0, 0), 0);
  EXPECT_NEAR(run(1, 1e-4, 0), std::exp(2 + 2e-4) - std::exp(2), 1e-7);
  // Five roundings of exp, doubled by the square, and one of the product.
  EXPECT_NEAR(run(1, 0, 1e-6), 11e-6 * std::exp(2), 1e-9);
  // Clearly negative: 0 without error; about 0: either side.
  EXPECT_EQ(run(-1, 0.5, 1e-6), 0);
  EXPECT_NEAR(run(-1e-3, 1e-2, 0), std::exp(2 * 9e-3), 1e-2);
  // The root of a number that may be negative is NaN, or not; that of -1 is.
  EXPECT_EQ(program->getError(1), kInf);
  run(-1, 0.5, 0);
  EXPECT_EQ(program->getError(1), 0);
  run(1e-3, 1e-2, 0);
  EXPECT_EQ(program->getError(1), kInf);
}
} // namespace
