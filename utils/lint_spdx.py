# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every source file begins with the SPDX line. Usage: lint_spdx.py [ROOT]"""

import pathlib
import subprocess
import sys

LINE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
SUFFIXES = {".cpp", ".h", ".c", ".td", ".py", ".cmake", ".mlir", ".test", ".sh", ".in"}
NAMES = {"CMakeLists.txt", "dev", "run"}


def main(root):
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    bad = 0
    for name in sorted(set(listed.stdout.splitlines())):
        path = pathlib.Path(root, name)
        if not path.is_file() or (path.suffix not in SUFFIXES and path.name not in NAMES):
            continue
        with path.open(errors="replace") as file:
            head = file.readline() + file.readline()  # the first line may be a #!
        if LINE not in head:
            print(f"{name}:1: expected '{LINE}'")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
