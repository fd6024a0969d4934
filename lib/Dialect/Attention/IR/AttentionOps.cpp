// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Generated definitions, the custom directives of assembly formats, and the two ops inside regions.
#include "attn/Dialect/Attention/IR/Storage.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace attn;

static ParseResult parseResultKind(OpAsmParser &parser, SmallVectorImpl<Attribute> &kinds) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<ResultKind> kind = symbolizeResultKind(keyword);
  if (!kind)
    return parser.emitError(loc, "unknown result kind '")
           << keyword << "' (expected out, lse, max, entropy, weights, topk_values, topk_indices)";
  kinds.push_back(ResultKindAttr::get(parser.getContext(), *kind));
  return success();
}

/// `returns(out, lse)`; nothing stands for `returns(out)`.
static ParseResult parseReturns(OpAsmParser &parser, ArrayAttr &kinds) {
  SmallVector<Attribute> list;
  if (failed(parser.parseOptionalKeyword("returns")))
    list.push_back(ResultKindAttr::get(parser.getContext(), ResultKind::Out));
  else if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, [&] { return parseResultKind(parser, list); }))
    return failure();
  kinds = parser.getBuilder().getArrayAttr(list);
  return success();
}

static void printReturns(OpAsmPrinter &printer, Operation *, ArrayAttr kinds) {
  auto names = llvm::map_range(kinds.getAsRange<ResultKindAttr>(),
                               [](ResultKindAttr kind) { return stringifyResultKind(kind.getValue()); });
  std::string list = llvm::join(names, ", ");
  if (list != "out")
    printer << " returns(" << list << ")";
}

/// Parses `name(value)` if it is there, with a value that `symbolize` knows.
template <typename AttrTy, typename Symbolize>
static ParseResult parseClause(OpAsmParser &parser, StringRef name, StringRef values, AttrTy &attr,
                               Symbolize symbolize) {
  StringRef keyword;
  if (failed(parser.parseOptionalKeyword(name)))
    return success();
  if (parser.parseLParen())
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  auto value = symbolize(keyword);
  if (!value)
    return parser.emitError(loc, "unknown ") << name << " '" << keyword << "' (expected " << values << ")";
  attr = AttrTy::get(parser.getContext(), *value);
  return parser.parseRParen();
}

// Clauses print the space before them themselves: where they say nothing there is none.

/// `causal(bottom_right) layout(bnhd)`, each if it is not the default. Not `$causal`: enum attributes print a space
/// first.
static ParseResult parseCausalAndLayout(OpAsmParser &parser, CausalKindAttr &causal, LayoutAttr &layout) {
  if (parseClause(parser, "causal", "top_left, bottom_right", causal,
                  [](StringRef keyword) { return symbolizeCausalKind(keyword); }) ||
      parseClause(parser, "layout", "bhnd, bnhd", layout, [](StringRef keyword) { return symbolizeLayout(keyword); }))
    return failure();
  return success();
}

static void printCausalAndLayout(OpAsmPrinter &printer, Operation *, CausalKindAttr causal, LayoutAttr layout) {
  if (causal)
    printer << " causal(" << stringifyCausalKind(causal.getValue()) << ")";
  if (layout && layout.getValue() != Layout::BHND)
    printer << " layout(" << stringifyLayout(layout.getValue()) << ")";
}

static ParseResult parseCausalClause(OpAsmParser &parser, CausalKindAttr &causal) {
  return parseClause(parser, "causal", "top_left, bottom_right", causal,
                     [](StringRef keyword) { return symbolizeCausalKind(keyword); });
}

static void printCausalClause(OpAsmPrinter &printer, Operation *, CausalKindAttr causal) {
  if (causal)
    printer << " causal(" << stringifyCausalKind(causal.getValue()) << ")";
}

static ParseResult parseLayoutClause(OpAsmParser &parser, LayoutAttr &layout) {
  return parseClause(parser, "layout", "bhnd, bnhd", layout,
                     [](StringRef keyword) { return symbolizeLayout(keyword); });
}

static void printLayoutClause(OpAsmPrinter &printer, Operation *, LayoutAttr layout) {
  if (layout && layout.getValue() != Layout::BHND)
    printer << " layout(" << stringifyLayout(layout.getValue()) << ")";
}

/// `out %o : type, lse %l : type`.
static ParseResult parseOuts(OpAsmParser &parser, SmallVectorImpl<OpAsmParser::UnresolvedOperand> &inits,
                             SmallVectorImpl<Type> &types, ArrayAttr &kinds) {
  SmallVector<Attribute> list;
  auto parseOne = [&]() -> ParseResult {
    return failure(parseResultKind(parser, list) || parser.parseOperand(inits.emplace_back()) ||
                   parser.parseColonType(types.emplace_back()));
  };
  if (parser.parseCommaSeparatedList(parseOne))
    return failure();
  kinds = parser.getBuilder().getArrayAttr(list);
  return success();
}

static void printOuts(OpAsmPrinter &printer, Operation *, OperandRange inits, TypeRange types, ArrayAttr kinds) {
  llvm::interleaveComma(llvm::zip(kinds.getAsRange<ResultKindAttr>(), inits, types), printer, [&](auto out) {
    auto [kind, init, type] = out;
    printer << stringifyResultKind(kind.getValue()) << " " << init << " : " << type;
  });
}

#include "attn/Dialect/Attention/IR/AttentionOpInterfaces.cpp.inc"

#define GET_OP_CLASSES
#include "attn/Dialect/Attention/IR/AttentionOps.cpp.inc"
#define GET_OP_CLASSES
#include "attn/Dialect/Attention/IR/StorageOps.cpp.inc"

void AttnDialect::registerOps() {
  addOperations<
#define GET_OP_LIST
#include "attn/Dialect/Attention/IR/AttentionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "attn/Dialect/Attention/IR/StorageOps.cpp.inc"
      >();
}

LogicalResult IndexOp::verify() {
  // C1
  auto parent = dyn_cast_or_null<ScoredOpInterface>((*this)->getParentOp());
  if (!parent)
    return emitOpError("expects to stand in a region of attn.generic, attn.online or attn.weights");
  // C2. The parent's operands have been verified before what its regions hold.
  LoopInfo loops = getLoopInfo(parent);
  uint64_t loop = getLoop();
  if (loop >= loops.getNumLoops())
    return emitOpError("expects a loop below ") << loops.getNumLoops() << ", got " << loop;
  LoopKind kind = loops.kinds[loop];
  bool inSimilarity = (*this)->getParentRegion() == &parent.getSimilarity();
  if (kind == LoopKind::E || (kind == LoopKind::D && !inSimilarity))
    return emitOpError("expects a batch, row or key loop")
           << (inSimilarity ? ", or d" : "") << ", got loop " << loop << " of kind " << stringifyLoopKind(kind);
  return success();
}
