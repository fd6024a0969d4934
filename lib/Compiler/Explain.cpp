// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Compiler/Explain.h"

namespace cl = llvm::cl;
using namespace attn;

ExplainOption::ExplainOption(cl::OptionCategory &category)
    : topics("explain", cl::desc("Print to standard output what was understood and decided"), cl::CommaSeparated,
             cl::cat(category),
             cl::values(clEnumValN(Topic::Mask, "mask", "constraints, formulas for visited keys, loops, and a picture"),
                        clEnumValN(Topic::Plan, "plan", "tile sizes and why, visited key tiles, flops and bytes"),
                        clEnumValN(Topic::All, "all", "all of these"))),
      format("explain-format", cl::desc("How --explain says it"), cl::init(Format::Text), cl::cat(category),
             cl::values(clEnumValN(Format::Text, "text", "for people (default)"),
                        clEnumValN(Format::Json, "json", "one line of JSON for each op"))),
      values("explain-values",
             cl::desc("Numbers for the picture of a mask, by the names that its text uses: N=300,lengths=16"),
             cl::value_desc("list"), cl::cat(category)),
      svg("explain-svg", cl::desc("Also write the pictures of --explain=mask to a file, as SVG"),
          cl::value_desc("file"), cl::cat(category)),
      shapes("shape", cl::desc("Sizes of a tensor argument for --explain, as in q=1x12x77x64"),
             cl::value_desc("name=sizes"), cl::cat(category)),
      scalars("arg", cl::desc("Value of an integer argument for --explain"), cl::value_desc("name=number"),
              cl::cat(category)) {}

llvm::ArrayRef<llvm::StringRef> ExplainOption::getNames() {
  static constexpr llvm::StringRef names[] = {"explain",     "explain-format", "explain-values",
                                              "explain-svg", "shape",          "arg"};
  return names;
}

llvm::Expected<Explain> ExplainOption::get() const {
  Explain explain;
  explain.mask = asks(Topic::Mask);
  explain.plan = asks(Topic::Plan);
  explain.json = format == Format::Json;
  explain.values = values;
  explain.svg = svg;
  explain.shapes.assign(shapes.begin(), shapes.end());
  explain.scalars.assign(scalars.begin(), scalars.end());
  if (!explain.values.empty() && !explain.mask)
    return llvm::createStringError("--explain-values: goes with --explain=mask");
  if (!explain.svg.empty() && !explain.mask)
    return llvm::createStringError("--explain-svg: goes with --explain=mask");
  if (topics.empty() && (explain.json || !explain.shapes.empty() || !explain.scalars.empty()))
    return llvm::createStringError("--explain-format, --shape, --arg: go with --explain");
  return explain;
}
