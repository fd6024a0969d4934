# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""./dev without a network: wheels that were kept are enough, and without them it says what to do."""

import os
import pathlib
import shutil
import subprocess
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What ./dev imports to see whether packages are there; the others are left out of the small files below.
DEV, BUILD, DEMO = ["pytest"], ["nanobind"], ["blingfire", "cffi", "matplotlib"]


def write_wheel(folder, name):
    """A package of version 1.0 with nothing in it."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        tags = "Root-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\n{tags}")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """./dev, and requirements that ask for small packages of the same names; its .venv is there."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "dev", folder)
    (folder / "python").mkdir()
    for file in (ROOT / "python").glob("requirements-*.txt"):
        names = {"dev": DEV, "build": BUILD, "demo": DEMO}[file.stem.removeprefix("requirements-")]
        (folder / "python" / file.name).write_text("".join(f"{name}==1.0\n" for name in names))
    for name in [*DEV, *BUILD]:
        write_wheel(folder / "wheels", name)
    done = run_dev(folder, folder / "wheels")
    for name in ("dev", "build"):
        assert f"installed python/requirements-{name}.txt from {folder}/wheels\n" in done.stdout
    return folder


def run_dev(checkout, wheels, index="http://127.0.0.1:9/simple"):
    """./dev demo where pip reaches `index` only: nobody listens there."""
    pip = {"PIP_INDEX_URL": index, "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INPUT": "1"}
    dropped = ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= pip | {"ATTN_WHEELS": str(wheels)}
    return subprocess.run([checkout / "dev", "demo"], capture_output=True, text=True, env=environment)


def forget_demo_packages(checkout):
    (checkout / ".venv/requirements-demo.sha256").unlink(missing_ok=True)
    for name in DEMO:
        for path in checkout.glob(f".venv/lib/python*/site-packages/{name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_dev_without_a_network(checkout, tmp_path):
    wheels = tmp_path / "wheels"
    done = run_dev(checkout, wheels)
    assert done.returncode != 0
    assert "== demo packages FAILED" in done.stdout and "== configure" not in done.stdout
    assert "could not install python/requirements-demo.txt: is there a network?" in done.stderr
    assert "pip download --only-binary :all: --dest wheels -r python/requirements-demo.txt\n" in done.stderr
    assert f"put the files into {wheels}, or let ATTN_WHEELS name their folder" in done.stderr

    for name in DEMO:
        write_wheel(wheels, name)
    done = run_dev(checkout, wheels)
    assert f"installed python/requirements-demo.txt from {wheels}\n" in done.stdout
    # It goes on to build; this is no whole checkout.
    assert "== demo packages: " in done.stdout and "== configure FAILED" in done.stdout
    assert "network" not in done.stderr

    done = run_dev(checkout, tmp_path / "nothing")
    assert "the packages of the demo are installed\n" in done.stdout


def test_wheels_are_kept_for_next_time(checkout, tmp_path):
    """Of an index in the file system, which pip takes for one in the network."""
    for name in DEMO:
        write_wheel(tmp_path / "simple" / name, name)
        wheel = f"{name}-1.0-py3-none-any.whl"
        (tmp_path / "simple" / name / "index.html").write_text(f'<!DOCTYPE html><a href="{wheel}">{wheel}</a>')
    forget_demo_packages(checkout)
    wheels = tmp_path / "wheels"
    done = run_dev(checkout, wheels, (tmp_path / "simple").as_uri())
    assert f"installed python/requirements-demo.txt; its wheels are kept in {wheels}\n" in done.stdout
    assert sorted(path.name.split("-")[0] for path in wheels.iterdir()) == sorted(DEMO)


def test_wheels_that_cannot_be_kept(checkout, tmp_path):
    (tmp_path / "file").write_text("")
    forget_demo_packages(checkout)
    done = run_dev(checkout, tmp_path / "file/wheels")
    assert done.returncode != 0 and "== demo packages FAILED" in done.stdout
    assert f"cannot keep wheels in {tmp_path}/file/wheels; ATTN_WHEELS names another folder" in done.stderr
