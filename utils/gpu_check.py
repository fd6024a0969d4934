# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs on a GPU what the tests run in the emulator: the calls of emulated.test and decode.test in
test/Integration/GPU, judged by float64.

Needs a GPU with its driver, and a build tree; neither CUDA's toolkit nor a network. With compute-sanitizer on PATH each
call is made under it as well. Usage: gpu_check.py [--chip sm_80]        (attn-run on PATH)
"""

import argparse
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

TESTS = pathlib.Path(__file__).parent.parent / "test/Integration/GPU"


def read_calls():
    """The attn-run commands of the tests, as argument lists."""
    text = "".join((TESTS / name).read_text() for name in ("emulated.test", "decode.test"))
    text = re.sub(r"\\\nRUN:", " ", text)
    for line in re.findall(r"^RUN: (attn-run .*?)\|", text, flags=re.MULTILINE):
        arguments = shlex.split(line.replace("%S", str(TESTS)))
        dropped = ("--target=", "--schedule=", "--chip=")
        yield [argument for argument in arguments if not argument.startswith(dropped)]


def make_call(command):
    result = subprocess.run(command, capture_output=True, text=True)
    print("$ " + shlex.join(command))
    print(result.stdout + result.stderr, flush=True)
    return result.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chip", default="sm_80", help="chip to compile for (sm_80, which later ones run too)")
    options = parser.parse_args()
    sanitizer = shutil.which("compute-sanitizer")
    if not sanitizer:
        print("compute-sanitizer is not on PATH: calls are judged by their results only")
    passed = failed = 0
    for call in read_calls():
        command = [*call, "--target=nvidia", f"--chip={options.chip}"]
        good = make_call(command)
        for tool in ("memcheck", "racecheck", "initcheck") if good and sanitizer else ():
            good &= make_call([sanitizer, f"--tool={tool}", "--error-exitcode=1", *command])
        passed, failed = passed + good, failed + (not good)
    print(f"gpu-check: {passed} calls passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
