// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A dialect with one attribute: a normalizer that attn-mlir has not heard of.
#ifndef GAU_TD
#define GAU_TD

include "attn/Dialect/Attention/IR/AttentionInterfaces.td"
include "mlir/IR/AttrTypeBase.td"

def Gau_Dialect : Dialect {
  let name = "gau";
  let summary = "Weights of the gated attention unit";
  let cppNamespace = "::gau";
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void registerAttributes();";
}

def Gau_ReluSquaredAttr : AttrDef<Gau_Dialect, "ReluSquared",
    [DeclareAttrInterfaceMethods<Attn_NormalizerInterface, ["isZeroAtMinusInfinity"]>]> {
  let mnemonic = "relu_squared";
  let summary = "Squared ReLU: weights max(s_j, 0)^2, not normalised over keys";
  let description = [{
    No maximum and no sums, so `weight` is all that there is to say: out, weights and top-k are defined.
    **Source**: the gated attention unit, Hua et al. 2022, with the activation of So et al. 2021 (Primer).
  }];
}

#endif // GAU_TD
