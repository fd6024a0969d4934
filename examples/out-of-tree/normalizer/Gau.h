// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GAU_H
#define GAU_H

#include "attn/Dialect/Attention/IR/AttentionAttributes.h"

#include "GauDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "GauAttrs.h.inc"

#endif // GAU_H
