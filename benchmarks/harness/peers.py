# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Who takes part, in which Python each lives, and how the others are installed."""

import dataclasses
import functools
import pathlib
import subprocess
import sys

from harness import Problem

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / "build/peers"
HINT = "./dev bench --install-peers"


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    module: str  # ours, in harness/contenders
    needs: str  # the library's import name; empty: nothing
    path: tuple[str, ...] = ()  # where else to look for modules: tests put a contender of theirs here

    @functools.cached_property
    def python(self):
        """The interpreter that has it, or None: this one, or that of build/peers."""
        for python in (sys.executable, str(VENV / "bin/python")):
            if not self.needs:
                return python
            check = f"import importlib.util as u, sys; sys.exit(not u.find_spec({self.needs!r}))"
            if pathlib.Path(python).exists() and subprocess.run([python, "-c", check]).returncode == 0:
                return python
        return None

    @property
    def install_hint(self):
        return HINT + ("=torch" if self.name == "torch" else "")


OURS = Peer("attn-mlir", "harness.contenders.attn", "")
PEERS = [
    Peer("onnxruntime", "harness.contenders.ort", "onnxruntime"),
    Peer("openvino", "harness.contenders.openvino_cpu", "openvino"),
    Peer("torch", "harness.contenders.torch_cpu", "torch"),
]


def choose(names):
    """Peers by name; all of them without names, none for the word none."""
    if names == ["none"]:
        return []
    known = {peer.name: peer for peer in PEERS}
    for name in names:
        if name not in known:
            raise Problem(f"--peers: unknown '{name}' (expected none, {', '.join(known)})")
    return [known[name] for name in names] or PEERS


def install(what):
    """Makes build/peers with the pinned versions: `default` leaves out torch, whose wheel brings gigabytes of CUDA."""
    files = {
        "default": ["requirements-peers.txt"],
        "torch": ["requirements-peers-torch.txt"],
        "all": ["requirements-peers.txt", "requirements-peers-torch.txt"],
    }
    if what not in files:
        raise Problem(f"--install-peers: unknown '{what}' (expected default, torch or all)")
    if not (VENV / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    for file in files[what]:
        command = [VENV / "bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        if subprocess.run([*command, "-r", ROOT / "benchmarks" / file]).returncode:
            raise Problem(f"pip could not install benchmarks/{file}: see its message above")
        print(f"installed benchmarks/{file} in build/peers")
