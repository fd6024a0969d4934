// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_DIALECT_ATTENTION_IR_ATTENTIONINTERFACES_TD
#define ATTN_DIALECT_ATTENTION_IR_ATTENTIONINTERFACES_TD

include "mlir/IR/OpBase.td"

def Attn_NormalizerInterface : AttrInterface<"NormalizerInterface"> {
  let cppNamespace = "::attn";
  let description = [{
    What stands between the scores of a row and its weights, as a monoid that visits keys in any order and any grouping.

    A row is visited with an accumulator `acc[e]` and a **state**: first, if the normalizer has one, the maximum `m` of the
    scores so far, then sums over the keys so far, all scalars of accumulator type. A tile of keys joins a row by

        m'       = max(m, largest score of the tile)             only with a maximum
        sums..   = rescale(m, sums.., m'), and with them a factor
        acc[e]   = factor * acc[e] + sum_j weight(m', s_j) * V[j, e]
        sums..  += sum_j terms(m', weight_j, s_j)

    and in the end `finish(m, sums.., operands..)` gives the factor for acc and the results of the row. Only kept keys
    count (mask true, score not -inf). Without maximum and sums `weight` is all that there is to say: everything else
    has a default.

    `base` says what scores and states are exponents of; operands, `lse` and `max` are natural in either base. Methods
    build scalar `arith` and `math` ops at the builder's insertion point and are total: a state that has seen no key is a
    neutral element (no NaN from inf - inf), a NaN score makes weight and terms NaN, and so does +inf for softmax. The
    weight of a kept key is never -inf.
  }];
  let methods = [
    InterfaceMethod<"How many normalizer operands the op must carry (softmax_sink: 1).",
                    "unsigned", "getNumOperands", (ins), "", "return 0;">,
    InterfaceMethod<"Whether a result of this kind is defined: by default those that need nothing but the weights.",
                    "bool", "defines", (ins "::attn::ResultKind":$kind), "",
                    "return ::attn::needsOnlyWeights(kind);">,
    InterfaceMethod<"The normalizer with the state that these results ask for: tiles carry what this returns.",
                    "::attn::NormalizerInterface", "getStreaming",
                    (ins "::llvm::ArrayRef<::attn::ResultKind>":$results), "", "return $_attr;">,
    InterfaceMethod<"Whether weights are made of exponentials of scores: tile ops then have scores and state in base 2.",
                    "bool", "isExponential", (ins), "", "return false;">,
    InterfaceMethod<"Whether `weight` is 0 for a score of -inf; if not, a selection takes care of such keys.",
                    "bool", "isZeroAtMinusInfinity", (ins), "", "return false;">,
    InterfaceMethod<"Whether weights are relative to the largest score of the row.", "bool", "hasMaximum", (ins), "",
                    "return false;">,
    InterfaceMethod<"How many sums a row has beside acc (softmax: 1).", "unsigned", "getNumSums", (ins), "",
                    "return 0;">,
    InterfaceMethod<"The sums of `state` relative to `newMax`, which is not below the maximum of `state` (null without "
                    "maximum), followed by the factor for acc.",
                    "::llvm::SmallVector<::mlir::Value>", "rescale",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::FloatType":$type,
                         "::attn::ExpBase":$base, "::mlir::ValueRange":$state, "::mlir::Value":$newMax), "",
                    "return ::attn::keepSums(builder, loc, type, state);">,
    InterfaceMethod<"The weight of one kept key, given the maximum in `state` and the factor of `finish`, which is 1 "
                    "while keys are visited.",
                    "::mlir::Value", "weight",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::attn::ExpBase":$base,
                         "::mlir::ValueRange":$state, "::mlir::Value":$factor, "::mlir::Value":$score)>,
    InterfaceMethod<"What one kept key of this weight adds to each sum. They are 0 for a score of -inf.",
                    "::llvm::SmallVector<::mlir::Value>", "terms",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::attn::ExpBase":$base,
                         "::mlir::Value":$max, "::mlir::Value":$weight, "::mlir::Value":$score), "", "return {};">,
    InterfaceMethod<"What is kept in the end: returns the factor for acc (0 for a softmax row without keys), then lse, "
                    "max and entropy as far as the normalizer defines them and its state tells. Operands have type `type`.",
                    "::llvm::SmallVector<::mlir::Value>", "finish",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::FloatType":$type,
                         "::attn::ExpBase":$base, "::mlir::ValueRange":$state, "::mlir::ValueRange":$operands), "",
                    "return {::attn::buildOne(builder, loc, type)};">,
  ];
  let extraSharedClassDeclaration = [{
    /// How many scalars of state a row has.
    unsigned getNumStates() const { return $_attr.hasMaximum() + $_attr.getNumSums(); }
  }];
  let extraClassDeclaration = [{
    /// What scores of tile ops are exponents of.
    ::attn::ExpBase getTileBase() const { return isExponential() ? ::attn::ExpBase::Two : ::attn::ExpBase::E; }
    /// The state of a row that has seen no key, the same in both bases.
    ::llvm::SmallVector<::mlir::Value> init(::mlir::OpBuilder &builder, ::mlir::Location loc,
                                            ::mlir::FloatType type) const;
    /// `state` once it knows of a score `newMax` (null without maximum), followed by the factor for acc.
    ::llvm::SmallVector<::mlir::Value> join(::mlir::OpBuilder &builder, ::mlir::Location loc, ::mlir::FloatType type,
                                            ::attn::ExpBase base, ::mlir::ValueRange state,
                                            ::mlir::Value newMax) const;
    /// One kept key: the new state, followed by the factor for acc and the weight.
    ::llvm::SmallVector<::mlir::Value> step(::mlir::OpBuilder &builder, ::mlir::Location loc, ::attn::ExpBase base,
                                            ::mlir::ValueRange state, ::mlir::Value score) const;
    /// Two groups of keys: the new state, followed by the two factors for their accumulators.
    ::llvm::SmallVector<::mlir::Value> combine(::mlir::OpBuilder &builder, ::mlir::Location loc,
                                               ::mlir::FloatType type, ::attn::ExpBase base, ::mlir::ValueRange left,
                                               ::mlir::ValueRange right) const;
  }];
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
