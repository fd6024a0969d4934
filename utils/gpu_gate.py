# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Assembles a matrix of GPU kernels and holds them to a committed table: no spills, registers and shared memory.

Usage: gpu_gate.py [--only TEXT] [--update]        (attn-compile and ptxas on PATH, or ptxas in CUDA_HOME/bin)
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TABLE = pathlib.Path(__file__).parent.parent / "test/Target/NVIDIA/Inputs/gpu-gate.json"
CHIPS = ("sm_80", "sm_89", "sm_90", "sm_100", "sm_120")

KERNEL = """
func.func @kernel(%q: tensor<?x8x?x{d}x{t}>, %k: tensor<?x2x?x{d}x{t}>, %v: tensor<?x2x?x{e}x{t}>{extra})
    -> tensor<?x8x?x{e}x{t}> {{
  %out = attn.sdpa %q, %k, %v {clause}
    : (tensor<?x8x?x{d}x{t}>, tensor<?x2x?x{d}x{t}>, tensor<?x2x?x{e}x{t}>) -> tensor<?x8x?x{e}x{t}>
  return %out : tensor<?x8x?x{e}x{t}>
}}
"""


def matrix():
    """(name, chip, MLIR) of each kernel."""
    masks = {
        "dense": ("", ""),
        "causal": ("causal(bottom_right)", ""),
        "bias": ("bias(%b : tensor<?x8x?x?x{t}>)", ", %b: tensor<?x8x?x?x{t}>"),
    }
    for chip in CHIPS:
        for d, e in ((64, 64), (128, 128), (256, 256), (80, 96)):
            for t in ("f16", "bf16", "f32"):
                for mask, (clause, extra) in masks.items():
                    # All kinds on the oldest chip; on the others what differs between sizes.
                    if chip != "sm_80" and (t, mask) != ("f16", "causal"):
                        continue
                    if t == "f32" and (d, mask) != (64, "causal"):
                        continue
                    # At D = 256 the addresses of a bias no longer fit beside acc: 128 bytes are spilled.
                    if mask == "bias" and (t == "bf16" or d == 256):
                        continue
                    # On sm_100 D = 256 still spills 40 bytes.
                    if (chip, d) == ("sm_100", 256):
                        continue
                    text = KERNEL.format(d=d, e=e, t=t, clause=clause.format(t=t), extra=extra.format(t=t))
                    yield f"{t}-d{d}-{mask}-{chip}", chip, text


def find_assembler():
    for variable in ("CUDA_HOME", "CUDA_ROOT"):
        path = pathlib.Path(os.environ.get(variable, "/nowhere"), "bin", "ptxas")
        if path.is_file():
            return str(path)
    path = shutil.which("ptxas")
    if path:
        return path
    sys.exit("gpu_gate.py: there is no ptxas in the bin folder of CUDA_HOME or CUDA_ROOT, nor on PATH")


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"gpu_gate.py: {' '.join(command)}:\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def count_shared(fragments):
    """Bytes that a launch asks for: each alloc begins at a multiple of 1024 (attn-convert-fragment-to-nvvm)."""
    end = 0
    for match in re.finditer(r"fragment\.alloc : <(\d+)x(\d+)x(\d+)x", fragments):
        stages, rows, columns = map(int, match.groups())
        pitch = columns if columns % 64 == 0 else columns + 8
        end = (end + 1023) // 1024 * 1024 + stages * rows * pitch * 2
    return end


def measure(assembler, folder, chip, text):
    source, ptx = folder / "kernel.mlir", folder / "kernel.ptx"
    source.write_text(text)
    compile_it = ["attn-compile", str(source), "--target=nvidia", f"--chip={chip}"]
    run([*compile_it, "--emit=ptx", "-o", str(ptx)])
    report = run([assembler, "-v", f"-arch={chip}", str(ptx), "-o", os.devnull])
    numbers = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", report)
    return {
        "registers": int(re.search(r"Used (\d+) registers", report).group(1)),
        "shared_bytes": count_shared(run([*compile_it, "--stop-after=linalg"])),
        "stack_bytes": int(numbers.group(1)),
        "spill_bytes": int(numbers.group(2)) + int(numbers.group(3)),
        "mma": ptx.read_text().count("mma.sync"),
    }


def judge(name, measured, allowed):
    """What is wrong with a kernel, or nothing."""
    if allowed is None:
        return [f"{name}: is not in the table ({TABLE.name}): run ./dev gpu-gate --update"]
    wrong = [f"{name}: {key} {value} > {allowed[key]}" for key, value in measured.items() if value > allowed[key]]
    if measured["mma"] != allowed["mma"]:
        wrong.append(f"{name}: mma {measured['mma']}, expected {allowed['mma']}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="kernels whose name contains this text")
    parser.add_argument("--update", action="store_true", help="write what is measured to the table")
    options = parser.parse_args()
    table = json.loads(TABLE.read_text()) if TABLE.is_file() else {}
    assembler, wrong, count = find_assembler(), [], 0
    with tempfile.TemporaryDirectory() as folder:
        for name, chip, text in matrix():
            if options.only not in name:
                continue
            measured = measure(assembler, pathlib.Path(folder), chip, text)
            count += 1
            print(f"{name:24} " + " ".join(f"{key}={value}" for key, value in measured.items()), flush=True)
            if measured["spill_bytes"] or measured["stack_bytes"]:
                wrong.append(f"{name}: {measured['spill_bytes']} bytes spilled, {measured['stack_bytes']} of stack")
            elif options.update:
                table[name] = measured
            else:
                wrong += judge(name, measured, table.get(name))
    if options.update:
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(json.dumps(table, indent=2) + "\n")
    print("\n".join(wrong))
    print(f"gpu-gate: {count} kernels, {len(wrong)} faults")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
