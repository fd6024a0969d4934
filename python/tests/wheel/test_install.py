# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`pip install .` into a fresh environment: ./dev test wheel.

The first time it compiles everything (two minutes on two idle CPUs); ccache and build/wheel keep it for the next.
"""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = """
import pathlib, sys
import attn_mlir
import numpy as np

q, k, v = np.random.default_rng(7).standard_normal((3, 1, 2, 9, 8)).astype(np.float32)
out = attn_mlir.sdpa(q, k, v, threads=2)
weights = np.exp(q @ k.swapaxes(2, 3) / 8**0.5)
np.testing.assert_allclose(out, weights / weights.sum(-1, keepdims=True) @ v, atol=1e-5)
library = attn_mlir.compile(
    '''func.func @attend(%q: tensor<1x2x9x8xf32>) -> tensor<1x2x9x8xf32> {
      %o = attn.sdpa %q, %q, %q : (tensor<1x2x9x8xf32>, tensor<1x2x9x8xf32>, tensor<1x2x9x8xf32>) -> tensor<1x2x9x8xf32>
      return %o : tensor<1x2x9x8xf32>
    }''',
    out_dir="kernels",
)
assert (attn_mlir.load(library.path).kernel(q) == library.kernel(q)).all()
print(pathlib.Path(attn_mlir.__file__).parent)
"""


def run(*command, cwd):
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "ATTN_BUILD_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        command, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_pip_install_in_a_fresh_environment(tmp_path):
    assert run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path).returncode == 0
    python = tmp_path / "venv/bin/python"
    installed = run(python, "-m", "pip", "--disable-pip-version-check", "install", ROOT, cwd=tmp_path)
    if "(from versions: none)" in installed.stdout:
        pytest.skip("pip finds no package at all, not even what a build needs: is there a network?")
    assert installed.returncode == 0, installed.stdout
    used = run(python, "-I", "-c", PROGRAM, cwd=tmp_path)
    assert used.returncode == 0, used.stdout
    package = pathlib.Path(used.stdout.strip())
    assert package.is_relative_to(tmp_path / "venv")
    assert (package / "py.typed").exists() and (package / "_core.pyi").exists()
    # Nothing of it is left behind in the build tree.
    for library in (next(package.glob("_core*.so")), package / "lib/libAttnMLIR.so"):
        needed = run("ldd", library, cwd=tmp_path).stdout
        assert str(package) in needed and str(ROOT) not in needed
