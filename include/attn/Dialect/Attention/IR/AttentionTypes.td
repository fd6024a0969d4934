// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What ops of several files are defined by.
#ifndef ATTN_DIALECT_ATTENTION_IR_ATTENTIONTYPES_TD
#define ATTN_DIALECT_ATTENTION_IR_ATTENTIONTYPES_TD

include "attn/Dialect/Attention/IR/AttentionDialect.td"
include "mlir/IR/OpBase.td"

class Attn_Op<string mnemonic, list<Trait> traits = []> : Op<Attn_Dialect, mnemonic, traits>;

def Attn_Float : AnyTypeOf<[F16, BF16, F32, F64], "f16, bf16, f32 or f64">;
def Attn_FloatTensor : RankedTensorOf<[Attn_Float]>;

class Attn_Tensor3D<string shape> : Type<And<[RankedTensorOf<[Attn_Float]>.predicate, HasAnyRankOfPred<[3]>]>,
                                         shape # " tensor of f16, bf16, f32 or f64", "::mlir::RankedTensorType">;

#endif // ATTN_DIALECT_ATTENTION_IR_ATTENTIONTYPES_TD
