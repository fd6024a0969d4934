// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Runner/KernelLoader.h"
#include "attn/Pipelines/Registration.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <numeric>

using namespace attn;

namespace {

KernelArgument makeArgument(KernelArgument::Kind kind, const char *name, ElementType type,
                            llvm::ArrayRef<int64_t> sizes = {}) {
  return {kind, name, type, llvm::SmallVector<int64_t>(sizes)};
}

std::string replace(std::string text, llvm::StringRef from, llvm::StringRef to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from.str();
  return text.replace(at, from.size(), to);
}

std::string describeScaled() {
  KernelSignature signature;
  signature.name = "scaled";
  signature.workspaceBytes = 192;
  signature.arguments = {
      makeArgument(KernelArgument::Kind::Input, "q", ElementType::BF16, {2, mlir::ShapedType::kDynamic, 0}),
      makeArgument(KernelArgument::Kind::Scalar, "s", ElementType::F32),
      makeArgument(KernelArgument::Kind::Input, "one", ElementType::I1, llvm::ArrayRef<int64_t>()),
      makeArgument(KernelArgument::Kind::Output, "out", ElementType::F64, {7})};
  return describeKernel(signature, "x86-64-v3");
}

TEST(KernelDescription, IsReadAsItWasWritten) {
  auto read = parseKernelDescription(describeScaled());
  ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->cpu, "x86-64-v3");
  EXPECT_EQ(read->signature.workspaceBytes, 192);
  ASSERT_EQ(read->signature.arguments.size(), 4U);
  EXPECT_TRUE(mlir::ShapedType::isDynamic(read->signature.arguments[0].sizes[1]));
  EXPECT_EQ(describeKernel(read->signature, read->cpu), describeScaled());
}

TEST(KernelDescription, IsRefusedWhereItIsAnother) {
  auto refuses = [](const std::string &text, llvm::StringRef why) {
    auto read = parseKernelDescription(text);
    ASSERT_FALSE(static_cast<bool>(read)) << text;
    EXPECT_TRUE(llvm::StringRef(llvm::toString(read.takeError())).contains(why)) << text;
  };
  std::string text = describeScaled();
  refuses("scaled", "");
  refuses("[]", "expected object");
  refuses(replace(text, "\"abi\":1", "\"abi\":2"), "expects ABI version 1, got 2");
  refuses(replace(text, "bf16", "bf17"), "expected an element type");
  refuses(replace(text, "[2,", "[-2,"), "expected numbers from 0, or null");
  refuses(replace(text, "[2,", "[2,2,2,2,2,"), "expected a rank of at most 6");
  refuses(replace(text, "\"scalar\"", "\"input\""), "expected input, inout or output with sizes");
  refuses(replace(text, "\"input\"", "\"output\""), "expects outputs after all inputs");
}

CompiledModule compile(const std::string &text) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  CompileOptions options;
  options.target = llvm::cantFail(describeTarget("native"));
  auto compiled = compileToObject(*module, options);
  EXPECT_TRUE(mlir::succeeded(compiled));
  return std::move(*compiled);
}

/// A kernel whose result is its argument v of `size` elements: there is one key.
std::string compileCopy(int size) {
  std::string q = "tensor<1x1x1x4xf32>", v = "tensor<1x1x1x" + std::to_string(size) + "xf32>";
  return compile("func.func @copy(%q: " + q + " {attn.name = \"q\"}, %v: " + v + " {attn.name = \"v\"}) -> " + v +
                 "{\n  %o = attn.sdpa %q, %q, %v : (" + q + ", " + q + ", " + v + ") -> " + v + "\n  return %o : " + v +
                 "\n}")
      .object;
}

void expectCopies(const LoadedKernel &kernel, int64_t size) {
  std::vector<float> q(4, 1.0f), v(size), out(size);
  std::iota(v.begin(), v.end(), 1.0f);
  attn_view4_f32 qView = {q.data(), {1, 1, 1, 4}, {4, 4, 4, 1}};
  attn_view4_f32 vView = {v.data(), {1, 1, 1, size}, {size, size, size, 1}};
  attn_view4_f32 outView = {out.data(), {1, 1, 1, size}, {size, size, size, 1}};
  std::vector<char> workspace(kernel.getWorkspaceSize(1, {&qView, &vView, &outView}));
  attn_call call = {ATTN_ABI_VERSION, 1, workspace.data(), workspace.size(), nullptr, nullptr};
  EXPECT_EQ(kernel.call(call, {&qView, &vView, &outView}), ATTN_OK);
  EXPECT_EQ(out, v);
}

// Two stages, and between them [B,N,8] of the call.
TEST(LoadedKernel, SaysHowMuchWorkspaceACallNeeds) {
  auto compiled = compile(R"(
    #left = affine_map<(b, n, o, k) -> (b, n, k)>
    #right = affine_map<(b, n, o, k) -> (k, o)>
    #out = affine_map<(b, n, o, k) -> (b, n, o)>
    func.func @twice(%x: tensor<?x?x8xf32> {attn.name = "x"}, %w: tensor<8x8xf32> {attn.name = "w"}) -> tensor<?x?x8xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %zero = arith.constant 0.0 : f32
      %b = tensor.dim %x, %c0 : tensor<?x?x8xf32>
      %n = tensor.dim %x, %c1 : tensor<?x?x8xf32>
      %init = tensor.empty(%b, %n) : tensor<?x?x8xf32>
      %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
      %y = linalg.generic {indexing_maps = [#left, #right, #out],
                           iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%x, %w : tensor<?x?x8xf32>, tensor<8x8xf32>) outs(%zeros : tensor<?x?x8xf32>) {
      ^bb0(%a: f32, %c: f32, %s: f32):
        %t = arith.mulf %a, %c : f32
        %r = arith.addf %s, %t : f32
        linalg.yield %r : f32
      } -> tensor<?x?x8xf32>
      %z = linalg.generic {indexing_maps = [#left, #right, #out],
                           iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%y, %w : tensor<?x?x8xf32>, tensor<8x8xf32>) outs(%zeros : tensor<?x?x8xf32>) {
      ^bb0(%a: f32, %c: f32, %s: f32):
        %t = arith.mulf %a, %c : f32
        %r = arith.addf %s, %t : f32
        linalg.yield %r : f32
      } -> tensor<?x?x8xf32>
      return %z : tensor<?x?x8xf32>
    })");
  ASSERT_EQ(compiled.kernels.size(), 1U);
  ASSERT_TRUE(compiled.kernels[0].isSharedOfCall);
  auto kernel = llvm::cantFail(LoadedKernel::load(compiled.object, compiled.kernels[0]));
  std::vector<float> x(3 * 5 * 8, 1.0f), w(64, 0.5f), out(x.size());
  attn_view3_f32 xView = {x.data(), {3, 5, 8}, {40, 8, 1}}, outView = {out.data(), {3, 5, 8}, {40, 8, 1}};
  attn_view2_f32 wView = {w.data(), {8, 8}, {8, 1}};
  llvm::SmallVector<const void *> arguments{&xView, &wView, &outView};
  size_t bytes = kernel->getWorkspaceSize(1, arguments);
  // What lies between the stages, in whole cache lines, is all that sizes add.
  xView.sizes[0] = outView.sizes[0] = 6;
  EXPECT_EQ(kernel->getWorkspaceSize(1, arguments) - bytes, size_t(960 - 512));
  xView.sizes[0] = outView.sizes[0] = 3;

  std::vector<char> workspace(bytes);
  attn_call call = {ATTN_ABI_VERSION, 1, workspace.data(), bytes - 1, nullptr, nullptr};
  EXPECT_EQ(kernel->call(call, arguments), ATTN_ERROR_WORKSPACE);
  EXPECT_EQ(out, std::vector<float>(out.size(), 0.0f));
  call.workspace_bytes = bytes;
  EXPECT_EQ(kernel->call(call, arguments), ATTN_OK);
  EXPECT_EQ(out, std::vector<float>(out.size(), 16.0f));

  // Sizes that are refused, and numbers of workers.
  EXPECT_EQ(kernel->getWorkspaceSize(0, arguments), 0U);
  xView.sizes[0] = 4;
  EXPECT_EQ(kernel->getWorkspaceSize(1, arguments), 0U);
  xView.sizes[0] = outView.sizes[0] = -1;
  EXPECT_EQ(kernel->getWorkspaceSize(1, arguments), 0U);
  // Views of stride 0 have any size: no product wraps around.
  for (int dim : {0, 1})
    xView.sizes[dim] = outView.sizes[dim] = ATTN_MAX_SIZE;
  xView.data = nullptr;
  EXPECT_GT(kernel->getWorkspaceSize(1, arguments), size_t(1) << 49);
}

class KernelLibraryTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("attn-runner", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }
  std::string write(llvm::StringRef name, llvm::StringRef text) const {
    std::string path = (folder + "/" + name).str();
    std::error_code error;
    llvm::raw_fd_ostream os(path, error);
    EXPECT_FALSE(error);
    os << text;
    return path;
  }
  static void expectRefused(const std::string &path, llvm::StringRef why) {
    auto library = KernelLibrary::open(path);
    ASSERT_FALSE(static_cast<bool>(library)) << path;
    std::string message = llvm::toString(library.takeError());
    EXPECT_TRUE(llvm::StringRef(message).starts_with(path + ": ") && llvm::StringRef(message).contains(why)) << message;
  }
  llvm::SmallString<128> folder;
};

std::unique_ptr<LoadedKernel> open(const std::string &path, int64_t size) {
  auto library = llvm::cantFail(KernelLibrary::open(path));
  EXPECT_EQ(library->getKernels().size(), 1U);
  const KernelSignature &signature = library->getKernels()[0].signature;
  EXPECT_EQ(signature.name, "copy");
  EXPECT_EQ(signature.arguments[2].sizes[3], size);
  return llvm::cantFail(LoadedKernel::load(library, signature));
}

// dlopen() alone would give the first library again.
TEST_F(KernelLibraryTest, IsTheFileAsItIsNow) {
  std::string path = (folder + "/copy.so").str();
  llvm::cantFail(linkSharedLibrary(compileCopy(5), path));
  std::unique_ptr<LoadedKernel> first = open(path, 5);
  llvm::cantFail(linkSharedLibrary(compileCopy(9), path));
  std::unique_ptr<LoadedKernel> second = open(path, 9);
  write("copy.so", "overwritten in place");
  expectCopies(*first, 5);
  expectCopies(*second, 9);
  first = nullptr;
  expectCopies(*second, 9);
}

TEST_F(KernelLibraryTest, RefusesWhatIsNone) {
  expectRefused((folder + "/missing.so").str(), "No such file");
  expectRefused(write("text.so", "no library"), "not recognized as a valid object file");
  expectRefused(write("copy.o", compileCopy(5)), "expects a shared library");
}

} // namespace
