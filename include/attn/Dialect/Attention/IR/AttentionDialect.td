// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_DIALECT_ATTENTION_IR_ATTENTIONDIALECT_TD
#define ATTN_DIALECT_ATTENTION_IR_ATTENTIONDIALECT_TD

include "mlir/IR/OpBase.td"

def Attn_Dialect : Dialect {
  let name = "attn";
  let cppNamespace = "::attn";
  let summary = "Attention: one operation from its formula to its tiles";
  let description = [{
    Attention is a soft, content-addressed look-up: scores between query rows and key rows, a normaliser that turns
    scores into weights, and a weighted sum of value rows. The dialect states it once and keeps it whole until the
    machine is known. It has three floors:

    * **named ops** (`attn.sdpa`, `attn.packed`, `attn.additive`, `attn.rope`, `attn.multi_head`, `attn.append_kv`,
      `attn.gather_pages`): what people write and importers make;
    * **`attn.generic`**: what the compiler thinks in: two contractions with a normaliser between them, layouts in
      indexing maps, scores and masks as regions;
    * **tile ops** (`attn.online`, `attn.merge`, `attn.finalize`, `attn.weights`): one tile of the key loop, on tensors
      small enough for a cache.

    Letters are the same everywhere. Sizes: B batch, H query heads, Hkv key and value heads, N query rows, M key rows,
    D head size of Q and K, Dv of V. Loops: b batch, h head, i row, j key, d and e.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerOps();
  }];
}

#endif // ATTN_DIALECT_ATTENTION_IR_ATTENTIONDIALECT_TD
