// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reports of masks as text for people, and as JSON for programs.
#include "attn/Analysis/ExplainMask.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace attn {

/// More is no picture any more.
constexpr int64_t kMostTilesShown = 100;

static void print(const MaskPicture &picture, bool hasRanges, llvm::raw_ostream &os) {
  bool isShown = picture.rowTiles <= kMostTilesShown && picture.keyTiles <= kMostTilesShown;
  os << "N = " << picture.rows << ", M = " << picture.keys << ": " << picture.rowTiles << " row tiles, "
     << picture.keyTiles << " key tiles" << (isShown ? "; F full, P partial, . empty\n" : "\n");
  if (isShown)
    for (const std::string &line : picture.states)
      os << "  " << line << "\n";
  os << "visited " << picture.visited << " of " << picture.rowTiles * picture.keyTiles << " tiles, " << picture.full
     << " of them without mask" << (hasRanges ? ", before any is skipped by ranges\n" : "\n");
  if (!picture.unknown.empty()) {
    os << picture.unknown << "\n";
    return;
  }
  os << "needed " << picture.numNeeded << " tiles, found by looking at every pair: " << picture.extra
     << " visited for nothing";
  if (picture.missedPairs)
    os << ", " << picture.missedPairs << " PAIRS MISSED";
  os << "\n";
}

std::string toText(const MaskReport &report) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto list = [&](const std::string &title, const std::vector<std::string> &lines) {
    os << title << "\n";
    for (const std::string &line : lines)
      os << "  " << line << "\n";
    if (lines.empty())
      os << "  nothing\n";
  };
  os << "mask of @" << report.function << " at " << report.location << "\nrow tiles of " << report.rowTile
     << " rows along loop " << report.rowLoop << ", key tiles of " << report.keyTile << " keys along loop "
     << report.keyLoop << "\n";
  list("a pair is kept if one of", report.kept);
  list("a pair is masked if one of", report.masked);
  std::string tile = report.inTiles ? "key tile" : "key";
  list("row tile i visits " + tile + " j if one of", report.visited);
  list("row tile i has a masked pair in " + tile + " j if one of", report.withMasked);
  os << (report.exact ? "exact: each of them is needed\n" : "not exact: more may be visited than needed\n");
  for (const std::string &reason : report.reasons)
    os << "  because of " << reason << "\n";
  if (!report.limited.empty())
    os << "where " << llvm::join(report.limited, ", ") << " within " << report.limit
       << "; beyond that every key is visited, with mask\n";
  os << "loops over key tiles, in this order\n";
  for (const std::string &loop : report.loops)
    os << "  " << loop << "\n";
  if (report.loops.empty())
    os << "  none\n";
  bool hasRanges = llvm::any_of(report.loops, [](StringRef loop) { return loop.contains("by ranges"); });
  if (report.picture)
    print(*report.picture, hasRanges, os);
  else
    os << report.noPicture << "\n";
  return text;
}

std::string toJson(const MaskReport &report) {
  using llvm::json::Array, llvm::json::Object, llvm::json::Value;
  Object object{{"explain", "mask"},
                {"function", report.function},
                {"location", report.location},
                {"tile", Object{{"rows", report.rowTile}, {"keys", report.keyTile}}},
                {"loop", Object{{"row", report.rowLoop}, {"key", report.keyLoop}}},
                {"kept", Array(report.kept)},
                {"masked", Array(report.masked)},
                {"visited", Array(report.visited)},
                {"with_masked", Array(report.withMasked)},
                {"unit", report.inTiles ? "key tile" : "key"},
                {"exact", report.exact},
                {"reasons", Array(report.reasons)},
                {"limited", Array(report.limited)},
                {"limit", report.limited.empty() ? Value(nullptr) : Value(report.limit)},
                {"loops", Array(report.loops)}};
  if (!report.picture) {
    object["no_picture"] = report.noPicture;
  } else {
    const MaskPicture &picture = *report.picture;
    Object drawn{{"rows", picture.rows},
                 {"keys", picture.keys},
                 {"states", Array(picture.states)},
                 {"visited", picture.visited},
                 {"full", picture.full}};
    if (picture.unknown.empty()) {
      drawn["optimum"] = Array(picture.needed);
      drawn["needed"] = picture.numNeeded;
      drawn["extra"] = picture.extra;
      drawn["missed_pairs"] = picture.missedPairs;
    } else {
      drawn["unknown"] = picture.unknown;
    }
    object["picture"] = std::move(drawn);
  }
  std::string text;
  llvm::raw_string_ostream(text) << Value(std::move(object)) << '\n';
  return text;
}

} // namespace attn
