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
      format("explain-format", cl::desc("How --explain=plan says it"), cl::init(Format::Text), cl::cat(category),
             cl::values(clEnumValN(Format::Text, "text", "for people (default)"),
                        clEnumValN(Format::Json, "json", "one line of JSON for each op"))),
      values("explain-values",
             cl::desc("Numbers for the picture of a mask: N=300,M=500,c0=16 (c capture, o mask operand)"),
             cl::value_desc("list"), cl::cat(category)),
      shapes("shape", cl::desc("Sizes of a tensor argument for --explain=plan, as in q=1x12x77x64"),
             cl::value_desc("name=sizes"), cl::cat(category)),
      scalars("arg", cl::desc("Value of an integer argument for --explain=plan"), cl::value_desc("name=number"),
              cl::cat(category)) {}

llvm::ArrayRef<llvm::StringRef> ExplainOption::getNames() {
  static constexpr llvm::StringRef names[] = {"explain", "explain-format", "explain-values", "shape", "arg"};
  return names;
}

llvm::Expected<Explain> ExplainOption::get() const {
  Explain explain;
  explain.mask = asks(Topic::Mask);
  explain.plan = asks(Topic::Plan);
  explain.json = format == Format::Json;
  explain.values = values;
  explain.shapes.assign(shapes.begin(), shapes.end());
  explain.scalars.assign(scalars.begin(), scalars.end());
  if (explain.json && (explain.mask || !explain.plan))
    return llvm::createStringError(
        "--explain-format=json: goes with --explain=plan alone, masks are explained as text");
  if (!explain.values.empty() && !explain.mask)
    return llvm::createStringError("--explain-values: goes with --explain=mask");
  if (!(explain.shapes.empty() && explain.scalars.empty()) && !explain.plan)
    return llvm::createStringError("--shape, --arg: go with --explain=plan");
  return explain;
}
