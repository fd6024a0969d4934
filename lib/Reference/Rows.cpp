// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Rows.h"

#include <algorithm>

using namespace attn::reference;

std::vector<int64_t> attn::reference::sizesOf(const Problem &problem, const std::vector<unsigned> &loops) {
  std::vector<int64_t> sizes;
  for (unsigned loop : loops)
    sizes.push_back(problem.loops[loop].extent);
  return sizes;
}

Rows::Rows(const Problem &problem, const LoopClasses &classes)
    : problem(problem), classes(classes), rowLoops(classes.batch), numRows(1), index(problem.loops.size(), 0),
      position(problem.loops.size(), kNoPosition), query(cursor(problem.query)), key(cursor(problem.key)),
      valueCursor(cursor(problem.value)) {
  rowLoops.insert(rowLoops.end(), classes.row.begin(), classes.row.end());
  std::sort(rowLoops.begin(), rowLoops.end());
  for (unsigned loop : rowLoops) {
    numRows *= problem.loops[loop].extent;
    position[loop] = problem.loops[loop].offset;
  }
  for (auto [from, to] :
       {std::pair(&problem.similarityOperands, &similarityOperands), std::pair(&problem.scoreOperands, &scoreOperands),
        std::pair(&problem.maskOperands, &maskOperands), std::pair(&problem.normalizerOperands, &normalizerOperands)})
    for (const Operand &operand : *from)
      to->push_back(cursor(operand));
}

Rows::Cursor Rows::cursor(const Operand &operand) const {
  Cursor result{operand.view.data, operand.view.data, std::vector<int64_t>(problem.loops.size(), 0), 0, 0, 0};
  for (size_t i = 0; i < operand.loops.size(); ++i)
    result.strides[operand.loops[i]] = operand.view.strides[i];
  result.keyStride = result.strides[classes.key];
  result.dStride = result.strides[classes.d];
  result.eStride = result.strides[classes.e];
  return result;
}

void Rows::moveCursors() {
  auto move = [&](Cursor &operand) {
    operand.row = operand.data;
    for (unsigned loop : rowLoops)
      operand.row += index[loop] * operand.strides[loop];
  };
  for (Cursor *operand : {&query, &key, &valueCursor})
    move(*operand);
  for (std::vector<Cursor> *operands : {&similarityOperands, &scoreOperands, &maskOperands, &normalizerOperands})
    for (Cursor &operand : *operands)
      move(operand);
}

bool Rows::next() {
  for (size_t i = rowLoops.size(); i-- > 0;) {
    unsigned loop = rowLoops[i];
    bool wraps = ++index[loop] == problem.loops[loop].extent;
    if (wraps)
      index[loop] = 0;
    position[loop] = problem.loops[loop].offset + index[loop];
    if (!wraps) {
      moveCursors();
      return true;
    }
  }
  return false;
}

void Rows::loadAll(const std::vector<Cursor> &operands, int64_t keyIndex, int64_t d) {
  values.clear();
  for (const Cursor &operand : operands)
    values.push_back(operand.load(keyIndex, d));
}

int64_t Rows::offsetIn(const std::vector<unsigned> &loops, int64_t keyIndex, int64_t e, int64_t extra) const {
  int64_t offset = 0;
  for (unsigned loop : loops) {
    int64_t i = loop == classes.key ? keyIndex : loop == classes.e ? e : index[loop];
    offset = offset * problem.loops[loop].extent + i;
  }
  return offset * extra;
}

double Rows::score(int64_t begin, int64_t end, std::vector<KeptKey> &kept) {
  kept.clear();
  double reached = 0;
  int64_t depth = problem.loops[classes.d].extent;
  for (int64_t j = begin; j < end; ++j) {
    position[classes.key] = problem.loops[classes.key].offset + j;
    if (problem.mask) {
      loadAll(maskOperands, j, 0);
      if (!problem.mask(values, position))
        continue;
    }
    double sum = 0, magnitude = 0;
    for (int64_t d = 0; d < depth; ++d) {
      double q = query.load(0, d), k = key.load(j, d);
      if (!problem.similarity) {
        sum += q * k;
        magnitude += std::fabs(q * k);
        continue;
      }
      position[classes.d] = problem.loops[classes.d].offset + d;
      loadAll(similarityOperands, j, d);
      double similarity = problem.similarity(q, k, values, position);
      sum += similarity;
      magnitude +=
          std::fabs(problem.similarityMagnitude ? problem.similarityMagnitude(q, k, values, position) : similarity);
    }
    position[classes.d] = kNoPosition;
    KeptKey entry{j, problem.scale * sum, 0, std::fabs(problem.scale) * magnitude, 0};
    entry.score = entry.rawScore;
    if (std::isfinite(entry.magnitude))
      reached = std::max(reached, entry.magnitude);
    if (problem.score) {
      loadAll(scoreOperands, j, 0);
      entry.score = problem.score(entry.rawScore, values, position);
      if (problem.scoreExcess)
        entry.excess = problem.scoreExcess(entry.rawScore, values, position);
    }
    if (entry.score != -std::numeric_limits<double>::infinity())
      kept.push_back(entry);
  }
  return reached;
}
