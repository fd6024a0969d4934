// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pictures of masks as SVG: plain rectangles, so that any viewer and any diff of text can read them.
#include "attn/Analysis/ExplainMask.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace attn {
namespace {

/// In pixels: the side of a picture of many tiles, the largest side of one tile, and the space around.
constexpr int64_t kSide = 480, kLargestTile = 24, kMargin = 16, kLine = 18;

std::string escape(StringRef text) {
  std::string escaped;
  llvm::raw_string_ostream os(escaped);
  llvm::printHTMLEscaped(text, os);
  return escaped;
}

class SvgWriter {
public:
  /// Draws tiles as rectangles, neighbours of one kind in a row as one.
  void addTiles(ArrayRef<std::string> lines, int64_t left, int64_t top, double tile) {
    for (auto [row, line] : llvm::enumerate(lines))
      for (size_t first = 0; first < line.size();) {
        size_t last = first;
        while (last < line.size() && line[last] == line[first])
          ++last;
        if (line[first] != '.')
          os << "<rect class=\"" << getClass(line[first]) << "\" x=\"" << format(left + first * tile) << "\" y=\""
             << format(top + row * tile) << "\" width=\"" << format((last - first) * tile) << "\" height=\""
             << format(tile) << "\"/>\n";
        first = last;
      }
  }

  /// The outline of a picture, with lines between tiles where these are large enough to tell apart.
  void addFrame(const MaskPicture &picture, int64_t left, int64_t top, double tile) {
    double width = picture.keyTiles * tile, height = picture.rowTiles * tile;
    os << "<path class=\"frame\" d=\"M" << left << " " << top << "h" << format(width) << "v" << format(height) << "h"
       << format(-width) << "z\"/>\n";
    if (tile < 6)
      return;
    os << "<path class=\"grid\" d=\"";
    for (int64_t column = 1; column < picture.keyTiles; ++column)
      os << "M" << format(left + column * tile) << " " << top << "v" << format(height);
    for (int64_t row = 1; row < picture.rowTiles; ++row)
      os << "M" << left << " " << format(top + row * tile) << "h" << format(width);
    os << "\"/>\n";
  }

  void addText(StringRef line, int64_t left, int64_t top) {
    os << "<text x=\"" << left << "\" y=\"" << top << "\">" << escape(line) << "</text>\n";
  }

  /// Returns where it ends.
  int64_t add(const MaskReport &report, int64_t top) {
    addText("mask of @" + report.function + " at " + report.location, kMargin, top += kLine);
    if (!report.picture) {
      addText(report.noPicture, kMargin, top += kLine);
      return top + kMargin;
    }
    const MaskPicture &picture = *report.picture;
    int64_t most = std::max<int64_t>({picture.rowTiles, picture.keyTiles, 1});
    double tile = std::min<double>(kLargestTile, static_cast<double>(kSide) / static_cast<double>(most));
    int64_t right = kMargin + kSide + 2 * kMargin;
    addText("N = " + std::to_string(picture.rows) + ", M = " + std::to_string(picture.keys) + "; tiles of " +
                std::to_string(report.rowTile) + " rows (down) x " + std::to_string(report.keyTile) + " keys (across)",
            kMargin, top += kLine);
    addText("visited " + std::to_string(picture.visited) + " of " +
                std::to_string(picture.rowTiles * picture.keyTiles) + " tiles: dark " + std::to_string(picture.full) +
                " without mask, light with mask",
            kMargin, top += kLine);
    addText(picture.unknown.empty() ? "needed " + std::to_string(picture.numNeeded) +
                                          " tiles: " + std::to_string(picture.extra) + " visited for nothing"
                                    : picture.unknown,
            right, top);
    top += kMargin / 2;
    addTiles(picture.states, kMargin, top, tile);
    addFrame(picture, kMargin, top, tile);
    if (picture.unknown.empty()) {
      addTiles(picture.needed, right, top, tile);
      addFrame(picture, right, top, tile);
    }
    return top + static_cast<int64_t>(picture.rowTiles * tile) + kMargin;
  }

  std::string finish(int64_t height) {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(2 * kSide + 5 * kMargin) +
           "\" height=\"" + std::to_string(height) +
           "\" font-family=\"sans-serif\" font-size=\"12\">\n"
           "<style>.full{fill:#1b4f72}.partial{fill:#85c1e9}.needed{fill:#7d6608}.frame{fill:none;stroke:#000}"
           ".grid{fill:none;stroke:#fff;stroke-width:.5}</style>\n"
           "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" +
           body + "</svg>\n";
  }

private:
  static StringRef getClass(char state) { return state == 'F' ? "full" : state == 'P' ? "partial" : "needed"; }
  /// At most two decimals, and none where they are zeros.
  static std::string format(double number) {
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("%.2f", number);
    return StringRef(text).rtrim('0').rtrim('.').str();
  }

  std::string body;
  llvm::raw_string_ostream os{body};
};

} // namespace

std::string toSvg(ArrayRef<MaskReport> reports) {
  SvgWriter writer;
  int64_t top = 0;
  for (const MaskReport &report : reports)
    top = writer.add(report, top);
  return writer.finish(top + kMargin);
}

} // namespace attn
