# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Refuses an #include that its layer must not see (cmake/layers.json). Usage: lint_layers.py [ROOT]

The linker cannot tell: libMLIR.so holds all of MLIR, and headers of ours are visible to every room.
"""

import json
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)


def room_of(path, rooms):
    """The room whose folder holds `path` ("lib/X/a.cpp", "include/attn/X/a.h" or "attn/X/a.h"), or None."""
    for prefix in ("include/attn/", "attn/"):
        if path.startswith(prefix):
            path = "lib/" + path[len(prefix) :]
    folders = [(room["path"], room) for room in rooms]
    folders += [("lib/Runtime", room) for room in rooms if room["path"] == "runtime"]
    folders += [("lib" + room["path"][7:], room) for room in rooms if room["path"].startswith("runtime/")]
    inside = [(len(folder), room["name"]) for folder, room in folders if path.startswith(folder + "/")]
    return next(room for room in rooms if room["name"] == max(inside)[1]) if inside else None


def check(root):
    """Returns one message for each include that breaks the table."""
    table = json.loads((root / "cmake/layers.json").read_text())
    layers = {entry["layer"]: entry for entry in table["layers"]}
    messages = []
    for folder in ("include", "lib", "runtime", "tools", "python"):
        for file in sorted((root / folder).rglob("*")):
            name = file.relative_to(root).as_posix()
            room = room_of(name, table["rooms"])
            if file.suffix not in (".h", ".cpp", ".c", ".td") or room is None:
                continue
            layer = layers[room["layer"]]
            for header in INCLUDE.findall(file.read_text()):
                used = room_of(header, table["rooms"])
                if not room["mlir"] and header.startswith(("mlir/", "llvm/", "mlir-c/")):
                    messages.append(f"{name}: {room['name']} knows no MLIR and no LLVM, got '{header}'")
                elif used and used is not room and used["layer"] not in layer["mayUse"]:
                    messages.append(
                        f"{name}: {room['name']} (layer {room['layer']}) must not include '{header}' "
                        f"of {used['name']} (layer {used['layer']})"
                    )
                elif header.startswith(tuple(layer["mustNotInclude"])) and name not in layer.get("except", []):
                    messages.append(f"{name}: layer {room['layer']} must not include '{header}'")
    return messages


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found))
    sys.exit(1 if found else 0)
