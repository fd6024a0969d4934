// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From Python's arguments to one call of a kernel and back.
#ifndef ATTN_PYTHON_CALL_H
#define ATTN_PYTHON_CALL_H

#include "Kernel.h"

#include <nanobind/nanobind.h>

namespace attn::python {

/// Binds arguments as `kernel(*inputs, out=.., threads=..)` says, calls the kernel without the interpreter lock, and
/// returns its output, or a tuple of them. Raises TypeError, ValueError or RuntimeError, in which case nothing was
/// written.
nanobind::object callKernel(Kernel &kernel, nanobind::args args, nanobind::kwargs kwargs);

/// "attend(q: float32[1, 8, ?, 64], ...) -> out: float32[...]".
std::string describeSignature(const KernelSignature &signature);

/// "q: float32[1, 8, ?, 64]".
std::string describeArgument(const KernelArgument &argument);

/// "float32": as numpy names it.
const char *getNumpyName(ElementType type);

} // namespace attn::python

#endif // ATTN_PYTHON_CALL_H
