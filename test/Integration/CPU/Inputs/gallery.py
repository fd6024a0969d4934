# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs every example of a folder with the calls that its comment gives, each judged by attn-run.

usage: gallery.py FOLDER DOCUMENT

A call is a comment line `// try: ARGUMENTS`, continued on lines that begin with `//      --`. Each example has two, and
says its formula and its source. DOCUMENT names each example. Prints what is wrong, status 1 if anything is.
"""

import pathlib
import shlex
import subprocess
import sys


def read_calls(text):
    calls = []
    for line in text.splitlines():
        if line.startswith("// try: "):
            calls.append(line.removeprefix("// try: ").split())
        elif line.startswith("//      --") and calls:
            calls[-1] += line.removeprefix("//").split()
    return calls


def complain_about_text(example, text, document):
    if "\n//     " not in text:
        yield "expects a formula: a comment line that is indented by four"
    if "\n// Source: " not in text:
        yield "expects a line '// Source: ...'"
    if f"`{example.stem}`" not in document:
        yield f"expects the document to name `{example.stem}`"
    if f"@{example.stem.replace('-', '_')}(" not in text:
        yield "expects a function that is called like the file"


def main():
    folder, document = map(pathlib.Path, sys.argv[1:])
    examples = sorted(folder.glob("*.mlir"))
    wrong, count = [], 0
    for example in examples:
        text = example.read_text()
        wrong += [f"{example}: {complaint}" for complaint in complain_about_text(example, text, document.read_text())]
        calls = read_calls(text)
        if len(calls) < 2:
            wrong.append(f"{example}: expects two lines '// try: ...', got {len(calls)}")
            continue
        # One kernel for all calls. -O1 halves the time: what LLVM does on top of it is not what is tested here.
        more = [f"--call={' '.join(call)}" for call in calls[1:]]
        command = ["attn-run", str(example), *calls[0], *more, "-O1", "--compare"]
        result = subprocess.run(command, capture_output=True, text=True)
        passed = sum(line.startswith("out: ok: ") for line in result.stdout.splitlines())
        count += passed
        if result.returncode or passed != len(calls):
            wrong += [shlex.join(command), result.stdout, result.stderr]
    print(f"{len(examples)} examples, {count} calls")
    print("\n".join(wrong))
    return not examples or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
