# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What scripts share that run many cases, each judged by attn-run."""

import subprocess
import sys

import numpy as np


def judge(command, source=""):
    """Runs `command`. Returns 1 if it fails, after printing it with its output and the `source` it ran, else 0."""
    result = subprocess.run(command, capture_output=True, text=True)
    if not result.returncode:
        return 0
    print(*([source] if source else []), " ".join(command), result.stdout, result.stderr, sep="\n")
    return 1


def judge_output(command, folder, inputs, expected, allowed, source):
    """Runs `command`, an attn-run, with --compare on the arrays `inputs`, by argument, and compares its result `out`
    with `expected`. Returns 1 after printing what is wrong with the `source` it ran, else 0."""
    command = [*command, f"--output=out={folder / 'out.npy'}", "--compare"]
    for name, value in inputs.items():
        np.save(folder / f"{name}.npy", value)
        command.append(f"--input={name}={folder / f'{name}.npy'}")
    if judge(command, source):
        return 1
    worst = np.abs(np.load(folder / "out.npy") - expected).max()
    if not worst <= allowed:
        print(source, f"off by {worst}, allowed {allowed}", sep="\n")
        return 1
    return 0


def finish(cases, failed):
    """Prints how many cases there were and how many failed, and exits with status 1 if any did."""
    print(f"{cases} cases, {failed} failed")
    sys.exit(failed > 0)
