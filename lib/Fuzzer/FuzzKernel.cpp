// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "FuzzKernel.h"

using namespace attn;

std::string attn::printSize(int64_t size) { return size < 0 ? "?" : std::to_string(size); }

int64_t attn::getStaticSize(const Extent &extent, const std::map<std::string, int64_t> &sizes) {
  int64_t product = extent.factor;
  for (const std::string &loop : extent.loops) {
    int64_t size = sizes.at(loop);
    if (size < 0)
      return -1;
    product *= size;
  }
  return product;
}

std::string attn::printType(const FuzzArgument &argument, const std::map<std::string, int64_t> &sizes) {
  if (argument.isScalar())
    return argument.element;
  std::string text = "tensor<";
  for (const Extent &extent : argument.extents)
    text += printSize(getStaticSize(extent, sizes)) + "x";
  return text + argument.element + ">";
}

FuzzKernel attn::makeKernel(uint64_t seed) {
  Choice choice(seed);
  int64_t kind = choice.below(100);
  FuzzKernel kernel = kind < 30   ? makeSdpaKernel(choice)
                      : kind < 36 ? makePackedKernel(choice)
                      : kind < 86 ? makeGenericKernel(choice)
                      : kind < 90 ? makeAdditiveKernel(choice)
                      : kind < 95 ? makeMultiHeadKernel(choice)
                                  : makeAppendKernel(choice);
  for (const char *loop : {"b", "h", "g", "i"})
    if (auto size = kernel.sizes.find(loop); size != kernel.sizes.end() && size->second == 0)
      kernel.expected.push_back(RefusalKind::NoElements);
  for (auto &[loop, size] : kernel.sizes)
    if (size == 1)
      kernel.expected.push_back(RefusalKind::OnesAlike);
  return kernel;
}
