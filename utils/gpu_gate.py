# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Assembles a matrix of GPU kernels and holds them to a committed table: no spills, registers, shared memory, and what
the machine code does for one key tile, from which a model (gpu_model.py) says how fast it can be.

Usage: gpu_gate.py [--only TEXT] [--update | --table [FILE]]        (attn-compile on PATH; for the tools see --help)
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile

import gpu_model
import gpu_sass

TABLE = pathlib.Path(__file__).parent.parent / "test/Target/NVIDIA/Inputs/gpu-gate.json"
NEEDED_TOOLS = (
    "expects the CUDA toolkit (CUDA_HOME, CUDA_ROOT or PATH), or the Python packages nvidia-cuda-nvcc and "
    "nvidia-cuda-nvdisasm in this environment"
)
CHIPS = ("sm_80", "sm_89", "sm_90", "sm_100", "sm_120")

KERNEL = """
func.func @kernel(%q: tensor<?x8x?x{d}x{t}>, %k: tensor<?x2x?x{d}x{t}>, %v: tensor<?x2x?x{e}x{t}>{extra})
    -> tensor<?x8x?x{e}x{t}> {{
  %out = attn.sdpa %q, %k, %v {clause}
    : (tensor<?x8x?x{d}x{t}>, tensor<?x2x?x{d}x{t}>, tensor<?x2x?x{e}x{t}>) -> tensor<?x8x?x{e}x{t}>
  return %out : tensor<?x8x?x{e}x{t}>
}}
"""


# One query row of eight heads that share a key head; keys are divided among blocks.
DECODE = """
func.func @kernel(%q: tensor<?x8x1x{d}xf16>, %k: tensor<?x1x?x{d}xf16>, %v: tensor<?x1x?x{d}xf16>)
    -> tensor<?x8x1x{d}xf16> {{
  %out = attn.sdpa %q, %k, %v causal(bottom_right)
    : (tensor<?x8x1x{d}xf16>, tensor<?x1x?x{d}xf16>, tensor<?x1x?x{d}xf16>) -> tensor<?x8x1x{d}xf16>
  return %out : tensor<?x8x1x{d}xf16>
}}
"""


# TFLOP/s of an H100 SXM at 16,384 rows (Shah et al. 2024, arXiv:2407.08608), by kernels of the matrix.
PUBLISHED = {
    "f16-d64-dense-sm_90": {"FlashAttention-2": 324, "Triton": 403, "cuDNN": 413, "FlashAttention-3": 497},
    "f16-d128-dense-sm_90": {"FlashAttention-2": 370, "Triton": 395, "cuDNN": 595, "FlashAttention-3": 648},
    "f16-d128-causal-sm_90": {"FlashAttention-2": 335, "Triton": 378, "cuDNN": 539, "FlashAttention-3": 616},
}


def matrix():
    """(name, chip, (D, Dv), MLIR) of each kernel."""
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
                    is_published = (chip, t, mask) == ("sm_90", "f16", "dense") and d in (64, 128)
                    if chip != "sm_80" and (t, mask) != ("f16", "causal") and not is_published:
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
                    yield f"{t}-d{d}-{mask}-{chip}", chip, (d, e), text
    for chip, d in (("sm_80", 64), ("sm_80", 128), ("sm_90", 128)):
        yield f"f16-d{d}-decode-{chip}", chip, (d, d), DECODE.format(d=d)


def find_tool(name):
    """Path of one of NVIDIA's tools: the CUDA toolkit's, or that of a Python package of this environment."""
    folders = [pathlib.Path(os.environ[v], "bin") for v in ("CUDA_HOME", "CUDA_ROOT") if v in os.environ]
    packages = pathlib.Path(sysconfig.get_path("platlib"), "nvidia")
    for path in [folder / name for folder in folders] + sorted(packages.glob(f"*/bin/{name}")):
        if path.is_file():
            return str(path)
    return shutil.which(name)


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


def read_plan(text):
    """The numbers of the one plan in `text`."""
    return {
        key: int(value) for key, value in re.findall(r"(rows|keys|warps|stages) = (\d+)", text.split("#attn.plan")[1])
    }


def measure(tools, folder, chip, text, sizes):
    source, ptx, cubin = (folder / f"kernel.{suffix}" for suffix in ("mlir", "ptx", "cubin"))
    source.write_text(text)
    compile_it = ["attn-compile", str(source), "--target=nvidia", f"--chip={chip}"]
    run([*compile_it, "--emit=ptx", "-o", str(ptx)])
    report = run([tools["ptxas"], "-v", f"-arch={chip}", str(ptx), "-o", str(cubin)])
    # One line for each function: a kernel with divided keys has a second one that merges.
    numbers = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", report)
    plan = read_plan(run([*compile_it, "--stop-after=plan"]))
    measured = {
        "registers": max(int(used) for used in re.findall(r"Used (\d+) registers", report)),
        "shared_bytes": count_shared(run([*compile_it, "--stop-after=linalg"])),
        "stack_bytes": sum(int(stack) for stack, _, _ in numbers),
        "spill_bytes": sum(int(stores) + int(loads) for _, stores, loads in numbers),
        "mma": ptx.read_text().count("mma.sync"),
        "rows": plan["rows"],
        "keys": plan["keys"],
        "warps": plan["warps"],
    }
    if tools["nvdisasm"] and measured["mma"]:
        tiles = gpu_sass.count_tiles(run([tools["nvdisasm"], "-c", str(cubin)]))
        # The last loop has the tiles that a mask or the end of the keys cuts.
        measured |= {"whole": tiles[0], "cut": tiles[-1]}
        measured["model"] = predict(chip, measured, sizes)
    return measured


def predict(chip, measured, sizes):
    """What gpu_model.py says of a kernel of the table."""
    fields = {key: measured[key] for key in ("rows", "keys", "warps", "registers", "shared_bytes")}
    kernel = gpu_model.Kernel(**fields, head_size=sizes[0], value_size=sizes[1])
    return gpu_model.predict(gpu_model.CHIPS[chip], kernel, measured["whole"])


# What may not become more. Other counts of instructions follow the assembler's version and are only shown.
LIMITED = ("registers", "shared_bytes", "stack_bytes", "spill_bytes")
# What is not a matter of the assembler's choice.
EXACT = ("mma", "rows", "keys", "warps")
EXACT_IN_TILE = ("hmma", "copy", "copy_16_bytes", "global", "local")


def judge_tiles(name, measured):
    """What is wrong with the machine code of a kernel by itself, or nothing."""
    wrong, whole = [], measured["whole"]
    if whole["select"]:
        wrong.append(f"{name}: {whole['select']} choices (FSEL) stand in whole tiles, which need no mask")
    # 16 x 8 sums an instruction, 16 deep, for each product.
    for tile in ("whole", "cut"):
        counts = measured[tile]
        if counts["hmma"] == 0 or counts["copy"] != counts["copy_16_bytes"] or counts["ldsm"] != counts["ldsm_x4"]:
            wrong.append(f"{name}: {tile} tiles have narrow copies or loads, or no products: {counts}")
        if counts["local"] or counts["global"]:
            wrong.append(f"{name}: {tile} tiles read or write memory past shared memory: {counts}")
    return wrong


def judge(name, measured, allowed):
    """What is wrong with a kernel, or nothing."""
    if allowed is None:
        return [f"{name}: is not in the table ({TABLE.name}): run ./dev gpu-gate --update"]
    wrong = [f"{name}: {key} {measured[key]} > {allowed[key]}" for key in LIMITED if measured[key] > allowed[key]]
    wrong += [f"{name}: {key} {measured[key]}, not {allowed[key]}" for key in EXACT if measured[key] != allowed[key]]
    for tile in ("whole", "cut"):
        for key in EXACT_IN_TILE if tile in measured else ():
            if measured[tile][key] != allowed[tile][key]:
                wrong.append(f"{name}: {key} {measured[tile][key]} in {tile} tiles, not {allowed[tile][key]}")
    return wrong


def check_table(table):
    """What is wrong with the table by itself: kernels of the matrix that it lacks or has too many, its arithmetic."""
    kernels = {name: (chip, sizes) for name, chip, sizes, _ in matrix()}
    wrong = [f"{name}: is in the matrix or in the table only" for name in sorted(kernels.keys() ^ table.keys())]
    for name in kernels.keys() & table.keys():
        (chip, (d, e)), entry = kernels[name], table[name]
        if entry["spill_bytes"] or entry["stack_bytes"]:
            wrong.append(f"{name}: has spills in the table")
        if not entry["mma"]:
            continue
        wrong += judge_tiles(name, entry) if "bias" not in name else []
        depth, columns = 16, 8
        products = (
            entry["rows"]
            // entry["warps"]
            // 16
            * (
                entry["keys"] // columns * (-(-d // depth))
                + entry["keys"] // depth * (-(-e // depth) * depth // columns)
            )
        )
        for tile in ("whole", "cut"):
            if entry[tile]["hmma"] != products:
                wrong.append(f"{name}: {entry[tile]['hmma']} products in {tile} tiles, expected {products}")
        if entry["model"] != predict(chip, entry, (d, e)):
            wrong.append(f"{name}: the model says {predict(chip, entry, (d, e))}, the table {entry['model']}")
    return wrong


def show(name, measured):
    keys = (*LIMITED, *EXACT)
    print(f"{name:24} " + " ".join(f"{key}={measured[key]}" for key in keys))
    if "whole" not in measured:
        return
    for tile in ("whole", "cut"):
        print(
            f"  {tile:5} tile, a warp: " + " ".join(f"{key}={value}" for key, value in measured[tile].items() if value)
        )
    model = measured["model"]
    print(f"  model: {model['tflops']} TFLOP/s, at most {model['bound']} ({model['unit']}); blocks={model['blocks']}")
    for kind, figures in PUBLISHED.items():
        if kind == name:
            print("  published: " + ", ".join(f"{who} {tflops}" for who, tflops in figures.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=NEEDED_TOOLS)
    parser.add_argument("--only", default="", help="kernels whose name contains this text")
    parser.add_argument("--update", action="store_true", help="write what is measured to the table")
    table_help = "look only whether the table fits the matrix and the model; needs no assembler"
    parser.add_argument("--table", metavar="FILE", nargs="?", const=TABLE, type=pathlib.Path, help=table_help)
    options = parser.parse_args()
    table = json.loads(TABLE.read_text()) if TABLE.is_file() else {}
    if options.table:
        table = json.loads(options.table.read_text())
        wrong = check_table(table)
        print("\n".join(wrong))
        print(f"gpu-gate: a table of {len(table)} kernels, {len(wrong)} faults")
        return 1 if wrong or not table else 0
    tools, wrong, count = {name: find_tool(name) for name in ("ptxas", "nvdisasm")}, [], 0
    if not tools["ptxas"] or (options.update and not tools["nvdisasm"]):
        missing = [name for name, path in tools.items() if not path]
        sys.exit(f"gpu_gate.py: there is no {' and no '.join(missing)}: {NEEDED_TOOLS}")
    if not tools["nvdisasm"]:
        print(f"there is no nvdisasm, tiles are not counted: {NEEDED_TOOLS}")
    with tempfile.TemporaryDirectory() as folder:
        for name, chip, sizes, text in matrix():
            if options.only not in name:
                continue
            measured = measure(tools, pathlib.Path(folder), chip, text, sizes)
            count += 1
            show(name, measured)
            sys.stdout.flush()
            if "whole" in measured and "bias" not in name:
                wrong += judge_tiles(name, measured)
            if measured["spill_bytes"] or measured["stack_bytes"]:
                wrong.append(f"{name}: {measured['spill_bytes']} bytes spilled, {measured['stack_bytes']} of stack")
            elif options.update:
                table[name] = measured
            else:
                wrong += judge(name, measured, table.get(name))
    if options.update:
        TABLE.parent.mkdir(exist_ok=True)
        lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in table.items()]
        TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print("\n".join(wrong))
    print(f"gpu-gate: {count} kernels, {len(wrong)} faults")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
