# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What scripts share that run many cases, each judged by attn-run."""

import subprocess
import sys


def judge(command, source=""):
    """Runs `command`. Returns 1 if it fails, after printing it with its output and the `source` it ran, else 0."""
    result = subprocess.run(command, capture_output=True, text=True)
    if not result.returncode:
        return 0
    print(*([source] if source else []), " ".join(command), result.stdout, result.stderr, sep="\n")
    return 1


def finish(cases, failed):
    """Prints how many cases there were and how many failed, and exits with status 1 if any did."""
    print(f"{cases} cases, {failed} failed")
    sys.exit(failed > 0)
