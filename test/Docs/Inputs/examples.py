# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Turns the ```mlir examples of .td files into a module for attn-opt -split-input-file.

Values that an example uses and does not define become arguments of a function around it. Their types stand in the
example: `(%a, %b : type, type)`, `kind %a : type`, or the function type at the end of a named op. An example of what
stands in a region (attn.index, attn.yield) is put into one, and an attribute becomes an attribute of a function.
"""

import re
import sys
import textwrap

# Loop 2 is the key loop: an example of attn.index may ask for it.
REGION = """func.func @{name}(%q: tensor<5x8xf32>, %always: i1) {{
  %r = attn.generic ins(%q, %q, %q : tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>) captures(%always : i1)
    outs(out %q : tensor<5x8xf32>)
    maps [affine_map<(i, d, j, e) -> (i, d)>, affine_map<(i, d, j, e) -> (j, d)>,
          affine_map<(i, d, j, e) -> (j, e)>, affine_map<(i, d, j, e) -> (i, e)>]
    normalizer(#attn.softmax)
    mask {{
    ^bb0(%keep: i1):
{body}
    }}
  return
}}
"""


def split_types(text):
    """Splits at the commas that are outside of brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [part.strip() for part in parts + [text[start:]]]


def types_of(example):
    types = {}
    listed = r"((?:%\w+,\s*)*%\w+) : ((?:tensor<[^>]*>|index|[if]\d+)(?:,\s*[^%()]*?)?)(?=\))"
    named = (
        r"attn\.(?:sdpa|additive|rope|multi_head|append_kv|gather_pages|packed) ((?:%\w+, )*%\w+).*?: \(([^)]*)\)\s*->"
    )
    for names, kinds in re.findall(listed, example) + re.findall(named, example, re.S):
        types.update(zip(re.findall(r"%\w+", names), split_types(kinds), strict=True))
    for name, kind in re.findall(r"\b\w+ (%\w+) : (tensor<[^>]*>)", example):
        types.setdefault(name, kind)
    return types


def wrap(example, name):
    if example.startswith("#"):
        return f"func.func private @{name}() attributes {{example = {example.strip()}}}\n"
    ops = "sdpa|additive|rope|multi_head|append_kv|gather_pages|packed|generic|online|weights|num_splits|merge|finalize"
    if not re.search(rf"attn\.({ops})\b", example):
        body = example.rstrip() + ("" if "attn.yield" in example else "\nattn.yield %keep : i1")
        return REGION.format(name=name, body=textwrap.indent(body, "      "))
    defined = set()
    for results in re.findall(r"^\s*((?:%\w+(?::\d+)?,?\s*)+)=", example, re.M):
        defined.update(re.findall(r"%\w+", results))
    arguments = [f"{value}: {kind}" for value, kind in types_of(example).items() if value not in defined]
    return f"func.func @{name}({', '.join(arguments)}) {{\n{textwrap.indent(example.rstrip(), '  ')}\n  return\n}}\n"


def main():
    examples = []
    for path in sys.argv[1:]:
        with open(path) as file:
            text = file.read()
        blocks = re.findall(r"```mlir\n(.*?)```", text, re.S)
        examples += [textwrap.dedent(block) for block in blocks]
    print(f"// {len(examples)} examples")
    print("// -----\n".join(wrap(example, f"example_{i}") for i, example in enumerate(examples)))


main()
