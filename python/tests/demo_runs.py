# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How the tests of the demo run it.

Without the packages of python/requirements-demo.txt they fail with the demo's own message: they do not skip.
"""

import functools
import importlib
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples/demo"
SENTENCE = "The cat sat on the mat because it was tired."


# The demo's own modules and the package, as the script sees them.
sys.path.insert(0, str(DEMO))
importlib.import_module("package")


def run_demo(output, *arguments, path="", before=(), **variables):
    """The demo without its long attention, which is asked for where it is looked at."""
    own = ["--rounds", "3", "--long", "0", "--output", output]
    command = [*before, sys.executable, DEMO / "demo.py", *own, *arguments]
    environment = dict(os.environ, PATH=path + os.environ["PATH"], **variables)
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@functools.cache
def _run_default():
    folder = tempfile.TemporaryDirectory(prefix="attn-demo-")
    path = pathlib.Path(folder.name)
    return run_demo(path, "--long", "2048"), path, folder


def default_run():
    """What ./dev demo does without options, and the folder it wrote: once for all tests."""
    return _run_default()[:2]
