# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares two pictures: equal but for numbers, which may differ by what rounding on another machine does.

usage: same-svg.py COMMITTED DRAWN
"""

import pathlib
import re
import sys

NUMBER = re.compile(r"\d+(?:\.\d+)?")


def main():
    committed, drawn = (pathlib.Path(path).read_text(encoding="utf-8") for path in sys.argv[1:])
    if NUMBER.sub("N", committed) != NUMBER.sub("N", drawn):
        return f"{sys.argv[1]} is another picture than {sys.argv[2]}: draw it again"
    for ours, theirs in zip(NUMBER.findall(committed), NUMBER.findall(drawn), strict=True):
        # Weights of 0 to 1, and greys of 0 to 255.
        if abs(float(ours) - float(theirs)) > (0.02 if "." in ours else 4):
            return f"{sys.argv[1]} has {ours} where {sys.argv[2]} has {theirs}: draw it again"
    return 0


if __name__ == "__main__":
    sys.exit(main())
