// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_DIALECT_ATTENTION_IR_ATTENTIONINTERFACES_TD
#define ATTN_DIALECT_ATTENTION_IR_ATTENTIONINTERFACES_TD

include "mlir/IR/OpBase.td"

def Attn_NormalizerInterface : AttrInterface<"NormalizerInterface"> {
  let cppNamespace = "::attn";
  let description = [{
    What stands between the scores of a row and its weights, as a monoid that visits keys in any order and any grouping.

    The state of a row is a list of scalars of accumulator type beside the accumulator `acc[e]`. With `w_j` the weights,
    the result is `O[e] = finish(acc[e])` where each visited key does

        state', rescale, weight = step(state, score)
        acc[e] = rescale * acc[e] + weight * V[j, e]

    and two groups of keys meet by

        state, rescaleA, rescaleB = combine(stateA, stateB)
        acc[e] = rescaleA * accA[e] + rescaleB * accB[e]

    `step` is only called for keys that are kept (mask true, score not -inf). `base` says what scores and states are
    exponents of; operands, `lse` and `max` are natural in either base. All methods build scalar `arith` and `math` ops
    at the builder's insertion point, and all of them are total: a state that has seen no key is a neutral element (no
    NaN from inf - inf), a NaN score makes every factor of its row NaN, and so does a score of +inf for softmax.
  }];
  let methods = [
    InterfaceMethod<"How many scalars of state a row has (softmax: 2, maximum and sum).",
                    "unsigned", "getNumStates">,
    InterfaceMethod<"How many normalizer operands the op must carry (softmax_sink: 1).",
                    "unsigned", "getNumOperands">,
    InterfaceMethod<"Whether a result of this kind is defined.", "bool", "defines",
                    (ins "::attn::ResultKind":$kind)>,
    InterfaceMethod<"The state of a row that has seen no key, the same in both bases.",
                    "::llvm::SmallVector<::mlir::Value>", "init",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::FloatType":$type)>,
    InterfaceMethod<"One kept key: returns the new state followed by the rescale factor and the weight.",
                    "::llvm::SmallVector<::mlir::Value>", "step",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::attn::ExpBase":$base,
                         "::mlir::ValueRange":$state, "::mlir::Value":$score)>,
    InterfaceMethod<"Two groups of keys: returns the new state followed by the two rescale factors.",
                    "::llvm::SmallVector<::mlir::Value>", "combine",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::FloatType":$type,
                         "::attn::ExpBase":$base, "::mlir::ValueRange":$left, "::mlir::ValueRange":$right)>,
    InterfaceMethod<"What is kept in the end: returns the factor for acc (0 for a softmax row without keys), then lse "
                    "and max where the normalizer defines them. Operands have type `type`.",
                    "::llvm::SmallVector<::mlir::Value>", "finish",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::FloatType":$type,
                         "::attn::ExpBase":$base, "::mlir::ValueRange":$state, "::mlir::ValueRange":$operands)>,
    InterfaceMethod<"The final weight of one kept key, given the finished state of its row and the factor of `finish`.",
                    "::mlir::Value", "weight",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::attn::ExpBase":$base,
                         "::mlir::ValueRange":$state, "::mlir::Value":$factor, "::mlir::Value":$score)>,
  ];
}

def Attn_ScoredOpInterface : OpInterface<"ScoredOpInterface"> {
  let cppNamespace = "::attn";
  let description = [{
    Ops that score query rows against key rows: `attn.generic` on the whole problem, `attn.online` and `attn.weights` on
    tiles. They share the loops, the element operands and the three regions, so analyses and rewrites of regions are
    written once.
  }];
  let methods = [
    InterfaceMethod<"Q.", "::mlir::Value", "getQuery">,
    InterfaceMethod<"K.", "::mlir::Value", "getKey">,
    InterfaceMethod<"Element operands of the similarity region.", "::mlir::OperandRange", "getSimilarityOperands">,
    InterfaceMethod<"Element operands of the score region.", "::mlir::OperandRange", "getScoreOperands">,
    InterfaceMethod<"Element operands of the mask region.", "::mlir::OperandRange", "getMaskOperands">,
    InterfaceMethod<"Scalars and tables that every region sees whole.", "::mlir::OperandRange", "getCaptures">,
    InterfaceMethod<"Position of the op's first element along each loop; empty means zeros.", "::mlir::OperandRange",
                    "getOffsets">,
    InterfaceMethod<"similarity(q, k, x.., captures..), empty: q * k.", "::mlir::Region &", "getSimilarity">,
    InterfaceMethod<"score(s, y.., captures..), empty: s.", "::mlir::Region &", "getScore">,
    InterfaceMethod<"mask(z.., captures..), empty: true.", "::mlir::Region &", "getMask">,
    InterfaceMethod<"Factor of the similarity sum, without unit.", "double", "getScaleFactor", (ins),
                    "", "return $_op.getScale().convertToDouble();">,
    InterfaceMethod<"One map per tensor operand that has loops.", "::mlir::ArrayAttr", "getIndexingMaps">,
    InterfaceMethod<"Type of scores and sums: f64 where a tensor that is contracted is f64, else f32.",
                    "::mlir::FloatType", "getAccumulatorType">,
    InterfaceMethod<"Number of loops.", "unsigned", "getNumLoops", (ins), "",
                    "return ::llvm::cast<::mlir::AffineMapAttr>($_op.getIndexingMaps()[0]).getValue().getNumDims();">,
  ];
}

#endif // ATTN_DIALECT_ATTENTION_IR_ATTENTIONINTERFACES_TD
