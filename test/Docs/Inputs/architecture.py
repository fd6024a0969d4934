# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds docs/Architecture.md against the tree it describes. Prints what is wrong; exit status 1 if anything is."""

import json
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
text = (root / "docs/Architecture.md").read_text()
sources = {path.name for folder in ("lib", "include", "runtime", "python/src") for path in (root / folder).rglob("*.*")}
passes = {
    name
    for td in (root / "include").rglob("Passes.td")
    for name in re.findall(r'Pass<"(attn-[a-z-]+)"', td.read_text())
}
rooms = [room["name"] for room in json.loads((root / "cmake/layers.json").read_text())["rooms"]]

wrong = [f"room {name} is not described" for name in rooms if f"`{name}`" not in text]
wrong += [f"pass {name} is not mentioned" for name in sorted(passes) if f"`{name}`" not in text]
wrong += [f"{name} does not exist" for name in re.findall(r"`(\w+\.(?:cpp|td|h))`", text) if name not in sources]
wrong += [
    f"link to {target} leads nowhere"
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    if not (root / "docs" / target).exists()
]
assert rooms and passes, "nothing to compare with"
print("\n".join(wrong))
sys.exit(bool(wrong))
