// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "FlashKernel.h"

#include <cmath>
#include <vector>

namespace attn::test {
namespace {

using Value = std::string;
using Values = std::vector<Value>;

/// Writes ops one after the other; each function returns the name of a new value.
class FlashWriter {
public:
  FlashWriter(const FlashShape &shape, Mutation mutation) : shape(shape), mutation(mutation) {}
  std::string write();

private:
  // Ops.
  void line(const std::string &text) { body += "    " + text + "\n"; }
  Value make(const std::string &text) {
    Value name = "%v" + std::to_string(next++);
    line(name + " = " + text);
    return name;
  }
  Value constant(int64_t value) { return make("arith.constant " + std::to_string(value) + " : i32"); }
  Value number(const std::string &value) { return make("arith.constant " + value + " : f32"); }
  Value binary(const char *op, Value a, Value b, const char *type = "i32") {
    return make(std::string("arith.") + op + " " + a + ", " + b + " : " + type);
  }
  Value binary(const char *op, Value a, int64_t b) { return binary(op, a, constant(b)); }
  Value add(Value a, Value b) { return binary("addi", a, b); }
  Value add(Value a, int64_t b) { return b ? binary("addi", a, b) : a; }
  Value isLess(Value a, Value b) { return make("arith.cmpi slt, " + a + ", " + b + " : i32"); }
  Value select(Value condition, Value a, Value b, const char *type) {
    return make("arith.select " + condition + ", " + a + ", " + b + " : " + type);
  }
  /// a * b + c
  Value fma(Value a, Value b, Value c) {
    return make("llvm.intr.fma(" + a + ", " + b + ", " + c + ") : (f32, f32, f32) -> f32");
  }
  Value exp2(Value x) { return make("llvm.call_intrinsic \"llvm.nvvm.ex2.approx.ftz.f32\"(" + x + ") : (f32) -> f32"); }
  Value element(Value base, Value index, int space, const char *type) {
    std::string pointer = "!llvm.ptr<" + std::to_string(space) + ">";
    return make("llvm.getelementptr " + base + "[" + index + "] : (" + pointer + ", i32) -> " + pointer + ", " + type);
  }
  Value reduce(const char *op, Value x, bool isWhole = true) {
    for (int64_t distance : {1, 2})
      if (distance == 1 || isWhole)
        x = binary(op, x,
                   make("nvvm.shfl.sync bfly " + all + ", " + x + ", " + constant(distance) + ", " + constant(31) +
                        " : f32 -> f32"),
                   "f32");
    return x;
  }
  bool is(Mutation what) const { return mutation == what; }

  // The kernel.
  Value swizzled(Value row, Value chunk, bool isOn);
  void copyRows(Value source, Value firstRow, Value end, Value sharedRow, int64_t rows);
  void copyTile(Value tile, Value stage);
  Values loadMatrices(Value row, Value chunk, bool isTransposed, bool isSwizzled = true);
  void multiply(Values &sum, const Values &a, const Value &b0, const Value &b1);
  Value pack(Value low, Value high);
  Values attendTile(Value tile, Values state);

  FlashShape shape;
  Mutation mutation;
  std::string body;
  int next = 0;
  Value all, lane, warp, tid, smem, rowsN, keysM, row0, key0, queryRow, minusInf, zero, scale;
};

/// Element offset of the 16 bytes `chunk` of `row`: eight neighbouring rows have the same chunk in different banks.
Value FlashWriter::swizzled(Value row, Value chunk, bool isOn) {
  if (isOn && !is(Mutation::NoSwizzle))
    chunk = binary("xori", chunk, binary("andi", row, 7));
  return add(binary("muli", row, shape.headSize), binary("muli", chunk, 8));
}

/// Fetches `rows` rows of `source` from `firstRow`, rows from `end` on as zeros.
void FlashWriter::copyRows(Value source, Value firstRow, Value end, Value sharedRow, int64_t rows) {
  int64_t chunks = shape.headSize / 8, rowsAtOnce = shape.threads() / chunks;
  Value row = binary("divui", tid, chunks), chunk = binary("remui", tid, chunks);
  for (int64_t begin = 0; begin < rows; begin += rowsAtOnce) {
    Value r = add(row, begin), from = add(firstRow, r);
    Value isInside = isLess(from, end);
    if (!is(Mutation::MissingLoadGuard))
      from = select(isInside, from, constant(0), "i32");
    Value bytes = select(isInside, constant(16), constant(is(Mutation::MissingLoadGuard) ? 16 : 0), "i32");
    Value src = element(source, add(binary("muli", from, shape.headSize), binary("muli", chunk, 8)), 1, "f16");
    Value to = element(smem, swizzled(add(sharedRow, r), chunk, true), 3, "f16");
    line("nvvm.cp.async.shared.global " + to + ", " + src + ", 16, cache = cg, " + bytes +
         " : !llvm.ptr<3>, !llvm.ptr<1>, i32");
  }
}

/// K and V of key tile `tile` into `stage`, 0 or 1. Rows of shared memory: Q, then K of both stages, then V of both.
void FlashWriter::copyTile(Value tile, Value stage) {
  Value first = binary("muli", tile, shape.kvTile), to = binary("muli", stage, shape.kvTile);
  copyRows("%K", first, keysM, add(to, shape.rows()), shape.kvTile);
  copyRows("%V", first, keysM, add(to, shape.rows() + 2 * shape.kvTile), shape.kvTile);
  if (!is(Mutation::ForgetCommit))
    line("nvvm.cp.async.commit.group");
}

/// Four 8x8 matrices, of which this lane names one row: `row` of shared memory, `chunk` of 8 elements.
Values FlashWriter::loadMatrices(Value row, Value chunk, bool isTransposed, bool isSwizzled) {
  Value address = element(smem, swizzled(row, chunk, isSwizzled), 3, "f16");
  std::string type = "!llvm.struct<(i32, i32, i32, i32)>";
  Value loaded =
      make("nvvm.ldmatrix " + address + " {num = 4 : i32, layout = #nvvm.mma_layout<" + (isTransposed ? "col" : "row") +
           ">, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : "
           "(!llvm.ptr<3>) -> " +
           type);
  Values registers;
  for (int i = 0; i < 4; ++i) {
    Value reg = make("llvm.extractvalue " + loaded + "[" + std::to_string(i) + "] : " + type);
    registers.push_back(shape.isBf16 ? reg : make("llvm.bitcast " + reg + " : i32 to vector<2xf16>"));
  }
  return registers;
}

void FlashWriter::multiply(Values &sum, const Values &a, const Value &b0, const Value &b1) {
  std::string type = shape.isBf16 ? "i32" : "vector<2xf16>", element = shape.isBf16 ? "bf16" : "f16";
  Value d = make("nvvm.mma.sync A[" + a[0] + ", " + a[1] + ", " + a[2] + ", " + a[3] + "] B[" + b0 + ", " + b1 +
                 "] C[" + sum[0] + ", " + sum[1] + ", " + sum[2] + ", " + sum[3] +
                 "] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = "
                 "8, k = 16>, multiplicandAPtxType = #nvvm.mma_type<" +
                 element + ">, multiplicandBPtxType = #nvvm.mma_type<" + element + ">} : (" + type + ", " + type +
                 ", f32) -> !llvm.struct<(f32, f32, f32, f32)>");
  for (int i = 0; i < 4; ++i)
    sum[i] = make("llvm.extractvalue " + d + "[" + std::to_string(i) + "] : !llvm.struct<(f32, f32, f32, f32)>");
}

/// Two numbers rounded to 16 bits, as one register.
Value FlashWriter::pack(Value low, Value high) {
  std::string type = shape.isBf16 ? "bf16" : "f16", vector = "vector<2x" + type + ">";
  Value result = make("llvm.mlir.poison : " + vector);
  for (int i = 0; i < 2; ++i) {
    Value rounded = make("arith.truncf " + (i ? high : low) + " : f32 to " + type);
    result = make("llvm.insertelement " + rounded + ", " + result + "[" + constant(i) + " : i32] : " + vector);
  }
  return shape.isBf16 ? make("llvm.bitcast " + result + " : vector<2xbf16> to i32") : result;
}

/// One key tile joins `state`: accumulators of 8 columns each, 4 registers; maxima and sums of two rows.
Values FlashWriter::attendTile(Value tile, Values state) {
  int64_t keyFragments = shape.kvTile / 8, columns = shape.headSize / 8;
  Value stage = binary("andi", tile, 1);
  if (is(Mutation::WrongStage))
    stage = binary("xori", stage, 1);
  Value keyRow = add(binary("muli", stage, shape.kvTile), shape.rows());
  Value l8 = binary("andi", lane, 7), l16 = binary("andi", lane, 15), high = binary("shrui", lane, 4);
  Value mid = binary("andi", binary("shrui", lane, 3), 1);

  // S = Q K^T: a row of Q for each lane of 16, then the other half of the 16 columns; K alike with 8.
  std::vector<Values> scores(keyFragments, Values(4, zero));
  for (int64_t k = 0; k < shape.headSize / 16; ++k) {
    Values a = loadMatrices(add(binary("muli", warp, 16), l16), add(high, 2 * k), false);
    for (int64_t pair = 0; pair < keyFragments / 2; ++pair) {
      Value row = add(add(keyRow, add(binary("muli", high, 8), l8)), 16 * pair);
      Values b = loadMatrices(row, add(mid, 2 * k), false, !is(Mutation::UnevenSwizzle));
      if (is(Mutation::SwapKeys))
        std::swap(b[1], b[2]);
      multiply(scores[2 * pair], a, b[0], b[1]);
      multiply(scores[2 * pair + 1], a, b[2], b[3]);
    }
  }

  Value column = add(binary("muli", tile, shape.kvTile), binary("muli", binary("andi", lane, 3), 2));
  for (int half = 0; half < 2; ++half) {
    Value row = add(queryRow, 8 * half);
    Value &oldMax = state[4 * columns + half], &sum = state[4 * columns + 2 + half];
    Value maximum = oldMax;
    for (int64_t f = 0; f < keyFragments; ++f)
      for (int i = 0; i < 2; ++i) {
        Value key = add(column, 8 * f + i), &score = scores[f][2 * half + i];
        if (!is(Mutation::MissingKeyMask))
          score = select(isLess(key, keysM), score, minusInf, "f32");
        if (shape.isCausal) {
          Value past = add(row, is(Mutation::CausalOffByOne) ? 2 : 1);
          score = select(isLess(key, past), score, minusInf, "f32");
        }
        maximum = binary("maxnumf", maximum, score, "f32");
      }
    if (is(Mutation::TornShuffle)) {
      Value isRow = isLess(row, rowsN), result = "%v" + std::to_string(next++);
      line(result + " = scf.if " + isRow + " -> f32 {");
      Value reduced = reduce("maxnumf", maximum);
      line("scf.yield " + reduced + " : f32");
      line("} else {");
      line("scf.yield " + maximum + " : f32");
      line("}");
      maximum = result;
    } else {
      maximum = reduce("maxnumf", maximum, !is(Mutation::HalfReduction));
    }
    // A row that has seen no key yet has no maximum; 0 stands for it, and all its weights are 2^-inf = 0.
    Value isNone = make("arith.cmpf oeq, " + maximum + ", " + minusInf + " : f32");
    Value reference = select(isNone, zero, maximum, "f32");
    Value shift = make("arith.negf " + binary("mulf", reference, scale, "f32") + " : f32");
    Value alpha = exp2(fma(oldMax, scale, shift));
    if (is(Mutation::StaleMaximum))
      shift = make("arith.negf " + binary("mulf", oldMax, scale, "f32") + " : f32");
    Value total = binary("mulf", sum, alpha, "f32");
    for (int64_t f = 0; f < keyFragments; ++f)
      for (int i = 0; i < 2; ++i) {
        Value &weight = scores[f][2 * half + i];
        weight = exp2(fma(weight, scale, shift));
        total = binary("addf", total, weight, "f32");
      }
    sum = total;
    oldMax = maximum;
    if (!is(Mutation::NoRescale))
      for (int64_t c = 0; c < columns; ++c)
        for (int i = 0; i < 2; ++i)
          state[4 * c + 2 * half + i] = binary("mulf", state[4 * c + 2 * half + i], alpha, "f32");
  }

  // O += P V: the registers of two neighbouring score fragments are those of one A fragment of weights.
  Value valueRow = add(keyRow, 2 * shape.kvTile);
  for (int64_t k = 0; k < keyFragments / 2; ++k) {
    const Values &left = scores[2 * k], &right = scores[2 * k + 1];
    Values a{pack(left[0], left[1]), pack(left[2], left[3]), pack(right[0], right[1]), pack(right[2], right[3])};
    if (is(Mutation::SwapWeights))
      std::swap(a[1], a[2]);
    for (int64_t pair = 0; pair < columns / 2; ++pair) {
      Values b = loadMatrices(add(add(valueRow, l16), 16 * k), add(high, 2 * pair), !is(Mutation::UntransposedValues));
      for (int64_t c : {2 * pair, 2 * pair + 1}) {
        Values sum(state.begin() + 4 * c, state.begin() + 4 * c + 4);
        multiply(sum, a, b[c % 2 * 2], b[c % 2 * 2 + 1]);
        std::copy(sum.begin(), sum.end(), state.begin() + 4 * c);
      }
    }
  }
  return state;
}

std::string FlashWriter::write() {
  int64_t columns = shape.headSize / 8;
  tid = make("nvvm.read.ptx.sreg.tid.x : i32");
  Value block = make("nvvm.read.ptx.sreg.ctaid.x : i32"), head = make("nvvm.read.ptx.sreg.ctaid.y : i32");
  if (is(Mutation::SwappedBlockIndex))
    std::swap(block, head);
  lane = binary("andi", tid, 31);
  warp = binary("shrui", tid, 5);
  all = constant(-1);
  zero = number("0.0");
  minusInf = number("0xFF800000");
  scale = number(std::to_string(std::log2(std::exp(1.0)) / std::sqrt(double(shape.headSize))));
  smem = make("llvm.mlir.addressof @smem : !llvm.ptr<3>");
  if (is(Mutation::MisalignedTile))
    smem = element(smem, constant(4), 3, "f16");
  rowsN = "%N";
  keysM = "%M";
  row0 = binary("muli", block, shape.rows());
  queryRow = add(row0, add(binary("muli", warp, 16), binary("shrui", lane, 2)));
  // From here on Q, K, V and O are those of this head.
  std::string original[] = {"%Q0", "%K0", "%V0", "%O0"};
  for (int i = 0; i < 4; ++i) {
    Value size = binary("muli", binary("muli", head, i == 1 || i == 2 ? keysM : rowsN), shape.headSize);
    line(std::string("%") + "QKVO"[i] + " = llvm.getelementptr " + original[i] + "[" + size +
         "] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f16");
  }

  if (!is(Mutation::ForgetQueries))
    copyRows("%Q", row0, rowsN, constant(0), shape.rows());
  copyTile(constant(0), constant(0));
  Value last = keysM;
  if (shape.isCausal)
    last = binary("minsi", last, add(row0, shape.rows() + (is(Mutation::CausalOffByOne) ? 1 : 0)));
  Value tiles = binary("divui", add(last, shape.kvTile - 1), shape.kvTile);

  size_t size = 4 * columns + 4;
  std::string types, initial, results = "%result:" + std::to_string(size);
  Values state;
  for (size_t i = 0; i < size; ++i) {
    bool isMaximum = int64_t(i) / 2 == 2 * columns;
    state.push_back("%s" + std::to_string(i));
    types += i ? ", f32" : "f32";
    initial += (i ? ", " : "") + state.back() + " = " + (isMaximum ? minusInf : zero);
  }
  line(results + " = scf.for %tile = " + constant(0) + " to " + tiles + " step " + constant(1) + " iter_args(" +
       initial + ") -> (" + types + ") : i32 {");
  auto fetchNext = [&] {
    Value following = add("%tile", 1), isTile = isLess(following, tiles);
    line("scf.if " + isTile + " {");
    copyTile(following, binary("andi", following, 1));
    line("}");
  };
  if (is(Mutation::ReleaseEarly)) {
    line("nvvm.cp.async.wait.group 0");
    fetchNext();
    line("nvvm.barrier0");
  } else {
    line(std::string("nvvm.cp.async.wait.group ") + (is(Mutation::WaitTooShallow) ? "1" : "0"));
    if (is(Mutation::BarrierInBranch)) {
      line("scf.if " + isLess(add(row0, binary("muli", warp, 16)), rowsN) + " {");
      line("nvvm.barrier0");
      line("}");
    } else if (!is(Mutation::DropBarrier)) {
      line("nvvm.barrier0");
    }
    fetchNext();
  }
  Values updated = attendTile("%tile", state);
  std::string yielded;
  for (const Value &value : updated)
    yielded += (yielded.empty() ? "" : ", ") + value;
  line("scf.yield " + yielded + " : " + types);
  line("}");

  auto result = [](int64_t i) { return "%result#" + std::to_string(i); };
  for (int half = 0; half < 2; ++half) {
    Value sum = reduce("addf", result(4 * columns + 2 + half));
    Value inverse = binary("divf", number("1.0"), sum, "f32");
    Value row = add(queryRow, 8 * half);
    if (!is(Mutation::MissingRowGuard))
      line("scf.if " + isLess(row, rowsN) + " {");
    Value first = add(binary("muli", row, shape.headSize), binary("muli", binary("andi", lane, 3), 2));
    for (int64_t c = 0; c < columns; ++c) {
      Value pair = pack(binary("mulf", result(4 * c + 2 * half), inverse, "f32"),
                        binary("mulf", result(4 * c + 2 * half + 1), inverse, "f32"));
      line("llvm.store " + pair + ", " + element("%O", add(first, 8 * c), 1, "f16") +
           " {alignment = 4 : i64} : " + (shape.isBf16 ? "i32" : "vector<2xf16>") + ", !llvm.ptr<1>");
    }
    if (!is(Mutation::MissingRowGuard))
      line("}");
  }
  return "llvm.mlir.global external @smem() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>\n"
         "func.func @kernel(%Q0: !llvm.ptr<1>, %K0: !llvm.ptr<1>, %V0: !llvm.ptr<1>, %O0: !llvm.ptr<1>, %N: i32, %M: "
         "i32) {\n" +
         body + "    return\n}\n";
}

} // namespace

std::string makeFlashKernel(const FlashShape &shape, Mutation mutation) { return FlashWriter(shape, mutation).write(); }

} // namespace attn::test
