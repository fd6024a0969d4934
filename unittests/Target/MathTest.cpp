// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How far the functions that attn-expand-math writes in registers are from the true ones, in units in the last place
// (ulp) of f32: for every bf16 and every f16 number, and for f32 numbers spread over the whole range. The bounds are
// those of docs/Numerics.md.
#include "attn/Pipelines/Registration.h"

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"

#include <cmath>

namespace {

using Function = double (*)(double);

/// A function and how exact it is.
struct Form {
  const char *op;
  Function exact;
  /// Largest error, in ulp of the result.
  double bound;
  /// False where a subnormal argument counts as the smallest normal number.
  bool takesSubnormals;
};

/// For which processor: the options of the pass, and the lanes of its vectors.
struct Machine {
  const char *options;
  int lanes;
  /// The feature of the processor without which it cannot be tried.
  const char *needs;
};

/// Each function by its polynomial, compiled to run on arrays.
class Compiled {
public:
  Compiled(const Form &form, const Machine &machine) : lanes(machine.lanes) {
    static const bool once = [] {
      llvm::InitializeNativeTarget();
      llvm::InitializeNativeTargetAsmPrinter();
      attn::registerAllPasses();
      return true;
    }();
    (void)once;
    mlir::DialectRegistry registry;
    attn::registerAllDialects(registry);
    mlir::registerBuiltinDialectTranslation(registry);
    mlir::registerLLVMDialectTranslation(registry);
    context.appendDialectRegistry(registry);
    std::string text = llvm::formatv(R"mlir(
      func.func @f(%x: !llvm.ptr, %y: !llvm.ptr, %n: i64) attributes {{llvm.emit_c_interface} {{
        %zero = arith.constant 0 : i64
        %step = arith.constant {0} : i64
        scf.for %i = %zero to %n step %step : i64 {{
          %from = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
          %to = llvm.getelementptr %y[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
          %v = llvm.load %from {{alignment = 4} : !llvm.ptr -> vector<{0}xf32>
          %r = {1} %v : vector<{0}xf32>
          llvm.store %r, %to {{alignment = 4} : vector<{0}xf32>, !llvm.ptr
        }
        return
      })mlir",
                                     lanes, form.op);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    mlir::PassManager passes(&context);
    std::string pipeline = llvm::formatv("func.func(attn-expand-math{{{0}}),convert-scf-to-cf,convert-vector-to-llvm,"
                                         "convert-to-llvm,reconcile-unrealized-casts",
                                         machine.options);
    if (!module || failed(mlir::parsePassPipeline(pipeline, passes)) || failed(passes.run(*module)))
      return;
    mlir::ExecutionEngineOptions options;
    auto optimize = mlir::makeOptimizingTransformer(2, 0, nullptr);
    options.transformer = optimize;
    auto created = mlir::ExecutionEngine::create(*module, options);
    if (created)
      engine = std::move(*created);
    else
      ADD_FAILURE() << llvm::toString(created.takeError());
  }

  explicit operator bool() const { return engine != nullptr; }

  /// `x` is filled up to a multiple of the lanes.
  std::vector<float> operator()(std::vector<float> x) {
    size_t size = x.size();
    x.resize(llvm::alignTo(size, lanes));
    std::vector<float> y(x.size());
    float *from = x.data(), *to = y.data();
    auto count = static_cast<int64_t>(x.size());
    llvm::cantFail(engine->invoke("f", from, to, count));
    y.resize(size);
    return y;
  }

private:
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::unique_ptr<mlir::ExecutionEngine> engine;
  int lanes;
};

std::vector<float> getBf16Numbers() {
  std::vector<float> numbers;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    numbers.push_back(llvm::bit_cast<float>(bits << 16));
  return numbers;
}

std::vector<float> getF16Numbers() {
  std::vector<float> numbers;
  for (int sign : {1, -1}) {
    for (int fraction = 0; fraction < 1024; ++fraction) // subnormal
      numbers.push_back(sign * std::ldexp(float(fraction), -24));
    for (int exponent = -14; exponent < 16; ++exponent)
      for (int fraction = 0; fraction < 1024; ++fraction)
        numbers.push_back(sign * std::ldexp(float(1024 + fraction), exponent - 10));
    numbers.push_back(sign * INFINITY);
  }
  numbers.push_back(NAN);
  return numbers;
}

/// Every 463rd f32 number, a prime so that all mantissas' low bits occur: 9 million.
std::vector<float> getF32Numbers() {
  std::vector<float> numbers;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 463)
    numbers.push_back(llvm::bit_cast<float>(static_cast<uint32_t>(bits)));
  return numbers;
}

/// The distance of y from the exact result in ulp of it; 0 where both are the same infinity or NaN, or so near the
/// smallest normal number of f32 that 0 is as good.
double getUlps(float y, double exact) {
  double magnitude = std::fabs(exact);
  if (std::isnan(exact))
    return std::isnan(y) ? 0 : INFINITY;
  if (magnitude >= 0x1.ffffffp127) // rounds to infinity; the largest number is next to it
    return std::fabs(y) >= 0x1.fffffep127f && std::signbit(y) == std::signbit(exact) ? 0 : INFINITY;
  if (magnitude < 0x1p-125)
    return std::fabs(y) <= 0x1.00001p-125f ? 0 : INFINITY;
  return std::fabs(y - exact) / std::ldexp(1.0, std::ilogb(exact) - 23);
}

void expectWithin(const Form &form, const char *set, const std::vector<float> &x, Compiled &compiled) {
  std::vector<float> y = compiled(x);
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!form.takesSubnormals && x[i] != 0 && std::fabs(x[i]) < 0x1p-126f)
      continue;
    double ulps = getUlps(y[i], form.exact(x[i]));
    if (!(ulps <= worst)) {
      worst = ulps;
      at = i;
    }
  }
  testing::Test::RecordProperty(std::string(set), std::to_string(worst));
  EXPECT_LE(worst, form.bound) << form.op << " of " << set << ", worst at " << x[at] << ": " << y[at] << " for "
                               << form.exact(x[at]);
}

bool hasFeature(const char *name) { return !*name || llvm::sys::getHostCPUFeatures().lookup(name); }

class MathTest : public testing::TestWithParam<std::tuple<Form, Machine>> {};

TEST_P(MathTest, IsWithinItsBound) {
  const auto &[form, machine] = GetParam();
  if (!hasFeature(machine.needs))
    GTEST_SKIP() << "the processor has no " << machine.needs;
  Compiled compiled(form, machine);
  ASSERT_TRUE(static_cast<bool>(compiled));
  expectWithin(form, "bf16", getBf16Numbers(), compiled);
  expectWithin(form, "f16", getF16Numbers(), compiled);
  expectWithin(form, "f32", getF32Numbers(), compiled);
}

const Form kForms[] = {{"math.exp2", std::exp2, 2.25, true},
                       {"math.exp", std::exp, 1.5, true},
                       {"math.tanh", std::tanh, 2.5, true},
                       {"math.log", std::log, 1.25, false},
                       {"math.log2", std::log2, 1.75, false}};
const Machine kMachines[] = {
    {"vector-bits=512", 16, "avx512f"}, {"vector-bits=256", 8, "fma"}, {"vector-bits=128 fma=false f16c=false", 4, ""}};

/// "exp2_16": math.exp2 on 16 lanes.
std::string getName(const testing::TestParamInfo<std::tuple<Form, Machine>> &info) {
  const auto &[form, machine] = info.param;
  return llvm::formatv("{0}_{1}", llvm::StringRef(form.op).drop_front(5), machine.lanes);
}

INSTANTIATE_TEST_SUITE_P(Functions, MathTest, testing::Combine(testing::ValuesIn(kForms), testing::ValuesIn(kMachines)),
                         getName);

} // namespace
