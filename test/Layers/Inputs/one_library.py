# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Links the objects of all rooms into one, as a release does. Usage: one_library.py SOURCE BUILD LINKER OUTPUT"""

import json
import pathlib
import shlex
import subprocess
import sys

source, build, linker, output = (pathlib.Path(argument) for argument in sys.argv[1:])
objects = []
for entry in json.loads((build / "compile_commands.json").read_text()):
    if pathlib.Path(entry["file"]).is_relative_to(source / "lib"):
        words = shlex.split(entry["command"])
        objects.append(build / words[words.index("-o") + 1])
print(f"{len(objects)} objects", flush=True)
sys.exit(subprocess.run([linker, "-r", "-o", output, *objects]).returncode)
