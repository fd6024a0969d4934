// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"

using namespace attn::python;

void *Workspace::reserve(size_t bytes) {
  if (size < bytes) {
    memory.reset(new char[bytes]);
    size = bytes;
  }
  return memory.get();
}

Workspace Kernel::takeWorkspace() {
  std::lock_guard<std::mutex> lock(mutex);
  if (idle.empty())
    return {};
  Workspace workspace = std::move(idle.back());
  idle.pop_back();
  return workspace;
}

void Kernel::returnWorkspace(Workspace workspace) {
  std::lock_guard<std::mutex> lock(mutex);
  idle.push_back(std::move(workspace));
}
