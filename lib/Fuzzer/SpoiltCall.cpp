// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "SpoiltCall.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"

#include <cstring>

using namespace attn;

namespace {
/// A pool that loses the last task, or runs it under the number of a worker that there is not.
struct BadPool {
  bool losesTask;
  int32_t workers;
  int64_t tasks = 0;
};

void runBadly(void *pool, int64_t tasks, attn_task_body body, void *context) {
  auto *bad = static_cast<BadPool *>(pool);
  bad->tasks = tasks;
  for (int64_t task = 0; task + 1 < tasks; ++task)
    body(context, task, 0);
  if (tasks > 0 && !bad->losesTask)
    body(context, tasks - 1, bad->workers);
}

/// An attn_viewR_T: data, sizes, strides.
class View {
public:
  View(const void *view, const KernelArgument &argument)
      : argument(&argument), rank(argument.sizes.size()), words(1 + 2 * rank) {
    std::memcpy(words.data(), view, words.size() * sizeof(int64_t));
  }

  const void *get() const { return words.data(); }
  int64_t &data() { return words[0]; }
  int64_t &size(size_t dimension) { return words[1 + dimension]; }
  int64_t &stride(size_t dimension) { return words[1 + rank + dimension]; }
  bool hasElements() {
    for (size_t dimension = 0; dimension < rank; ++dimension)
      if (size(dimension) == 0)
        return false;
    return true;
  }

  const KernelArgument *argument;
  size_t rank;
  bool isSpoilt = false, isMissing = false;

private:
  std::vector<int64_t> words;
};

class SpoiltCall {
public:
  SpoiltCall(const LoadedKernel &kernel, const KernelSignature &signature, Arguments &arguments, Choice &choice)
      : kernel(kernel), signature(signature), arguments(arguments), choice(choice),
        pointers(arguments.getPointers().begin(), arguments.getPointers().end()) {
    views.reserve(pointers.size());
    for (auto [number, argument] : llvm::enumerate(signature.arguments))
      if (!argument.isScalar()) {
        places.push_back(number);
        views.emplace_back(pointers[number], argument);
      }
    call.abi_version = ATTN_ABI_VERSION;
    call.workers = static_cast<int32_t>(choice.between(1, 3));
    size_t bytes = kernel.getWorkspaceSize(call.workers, pointers);
    workspace.assign(bytes + 2 * kMargin, kCanary);
    call.workspace = workspace.data() + kMargin;
    call.workspace_bytes = bytes;
  }

  std::string run() {
    for (int count = choice.chance(30) ? 2 : 1; count > 0; --count)
      while (!spoil()) {
      }
    for (auto [place, view] : llvm::zip_equal(places, views))
      pointers[place] = view.isMissing ? nullptr : view.get();
    std::vector<std::string> before = getOutputs();
    int32_t status = kernel.call(call, pointers);
    if (expected == ATTN_ERROR_POOL && pool.tasks == 0)
      expected = ATTN_OK; // nothing to lose
    std::string what = "a call with " + mistakes + " ";
    if (status != expected)
      return what + "returns status " + std::to_string(status) + ", expected " + std::to_string(expected);
    std::string damage = arguments.findDamage();
    if (!damage.empty())
      return what + "writes to inputs, or to memory around " + damage;
    bool mayWrite = expected == ATTN_ERROR_POOL || expected == ATTN_OK;
    if (!mayWrite && getOutputs() != before)
      return what + "writes outputs";
    if (!isUntouched(mayWrite))
      return what + "writes " + (mayWrite ? "beyond its workspace" : "to its workspace");
    return "";
  }

private:
  static constexpr size_t kMargin = 64;
  static constexpr char kCanary = 0x5A;

  /// The first check that fails is the one that is reported.
  bool expect(attn_status status, const std::string &mistake) {
    expected = expected == ATTN_OK ? status : std::min(expected, status);
    mistakes += (mistakes.empty() ? "" : " and ") + mistake;
    return true;
  }

  /// Makes a mistake. False if there was none to make in the place that was chosen.
  bool spoil() {
    size_t number = choice.below(views.size());
    View &view = views[number];
    // A second mistake in the same view might undo the first, and so may two sizes that change alike.
    if (view.isSpoilt)
      return false;
    std::string name = "'" + view.argument->name + "'";
    size_t dimension = view.rank > 0 ? choice.below(view.rank) : 0;
    std::string place = "dimension " + std::to_string(dimension) + " of " + name;
    switch (choice.below(10)) {
    case 0:
      call.abi_version = choice.of({0, ATTN_ABI_VERSION + 1, -1});
      return expect(ATTN_ERROR_ABI, "another ABI version");
    case 1:
      if (choice.chance(50)) {
        view.isSpoilt = view.isMissing = true;
        return expect(ATTN_ERROR_NULL, "no view for " + name);
      }
      if (view.hasElements()) {
        view.isSpoilt = true;
        view.data() = 0;
        return expect(ATTN_ERROR_NULL, "no data for " + name);
      }
      break;
    case 2:
      if (view.rank > 0) {
        view.isSpoilt = true;
        view.size(dimension) = choice.of({int64_t(-1), INT64_MIN, ATTN_MAX_SIZE + 1, INT64_MAX});
        return expect(ATTN_ERROR_SIZE, "an impossible size for " + place);
      }
      break;
    case 3: // each dimension is static, or one that another argument has too
    case 4:
      if (view.rank > 0 && !hasOtherSize) {
        view.isSpoilt = hasOtherSize = true;
        view.size(dimension) += view.size(dimension) > 0 && choice.chance(50) ? -1 : 1;
        return expect(ATTN_ERROR_SHAPE, "another size for " + place);
      }
      break;
    case 5:
      if (view.rank > 0 && view.size(dimension) > 1) {
        view.isSpoilt = true;
        bool isOutput = view.argument->isWritten();
        if (dimension + 1 == view.rank)
          view.stride(dimension) = choice.of({0, 2, -1});
        else
          view.stride(dimension) = isOutput && choice.chance(50) ? 0 : -view.stride(dimension) - 1;
        return expect(ATTN_ERROR_STRIDE, "a bad stride for " + place);
      }
      break;
    case 6:
      if (getByteSize(view.argument->type) > 1 && view.data() != 0) {
        view.isSpoilt = true;
        view.data() |= 1;
        return expect(ATTN_ERROR_ALIGNMENT, "misaligned data for " + name);
      }
      break;
    case 7:
      call.workers = choice.of({0, -1, INT32_MIN});
      return expect(ATTN_ERROR_WORKERS, "no workers");
    case 8:
      if (call.workspace_bytes > 0) {
        if (choice.chance(50))
          call.workspace = nullptr;
        else
          call.workspace_bytes = choice.chance(50) ? call.workspace_bytes - 1 : 0;
        return expect(ATTN_ERROR_WORKSPACE, "too small a workspace");
      }
      break;
    default:
      pool = {choice.chance(50), call.workers};
      call.parallel_for = runBadly;
      call.pool = &pool;
      return expect(ATTN_ERROR_POOL, pool.losesTask ? "a pool that loses a task" : "a pool of unknown workers");
    }
    return false;
  }

  std::vector<std::string> getOutputs() const {
    std::vector<std::string> outputs;
    for (auto [number, argument] : llvm::enumerate(signature.arguments))
      if (argument.isWritten())
        outputs.push_back(arguments.getBuffer(number)->getBytes());
    return outputs;
  }

  bool isUntouched(bool mayWriteInside) const {
    auto isCanary = [](char byte) { return byte == kCanary; };
    if (!mayWriteInside)
      return llvm::all_of(workspace, isCanary);
    llvm::ArrayRef<char> all(workspace);
    return llvm::all_of(all.take_front(kMargin), isCanary) && llvm::all_of(all.take_back(kMargin), isCanary);
  }

  const LoadedKernel &kernel;
  const KernelSignature &signature;
  Arguments &arguments;
  Choice &choice;
  std::vector<const void *> pointers;
  /// Tensor arguments: their numbers, and what the kernel sees of them.
  std::vector<size_t> places;
  std::vector<View> views;
  attn_call call = {};
  std::vector<char> workspace;
  BadPool pool = {};
  attn_status expected = ATTN_OK;
  std::string mistakes;
  bool hasOtherSize = false;
};
} // namespace

std::string attn::trySpoiltCall(const LoadedKernel &kernel, const KernelSignature &signature, Arguments &arguments,
                                Choice &choice) {
  return SpoiltCall(kernel, signature, arguments, choice).run();
}
