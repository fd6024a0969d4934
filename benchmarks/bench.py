#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures attention on this CPU, beside the machine's own limits and other libraries.

without a choice   what the project asks of itself: value asked, value measured, met or not (about three minutes)
--workloads        shapes of real models, by name or family
--variants         what sinks, biases, masks, other normalizers, results and storage cost beside plain attention
--memory           working memory at 32,768 rows and keys
--regret           the plan that the compiler chooses beside others: tiles, register tiles and orientations
--gpu              TFLOP/s on an NVIDIA GPU: D of 64, 128, 256, causal or not, 512 to 16,384 rows, f16 and bf16, beside
                   torch where it is installed (flash, cudnn, flex_attention); what follows is about CPUs
--prepare-gpu      what a machine with a GPU needs for that, if it has neither this build tree nor a network

How: every contender lives in a process of its own that may use just the CPUs asked for. They take turns; before and
after each turn the multiply-add peak of the machine is measured, and a turn counts only if the two differ by at most
3 % and some call ran without waiting for a CPU. The figure is the fastest such call of at least seven turns. Each
contender gets its best memory layout and its fastest entry point, and results are compared with float64 on sampled
rows within the budget of docs/Numerics.md: who is beyond it gets no speed. Masked pairs of a row and a key count as no
work, whoever computes them. Calls of more than half a second get three turns of one call. "share" is of the f32 peak
measured in the same run, by as many threads.

asked: "share" at least so many per cent of the peak; "points" at most so many below the share of another shape;
"scaling" of several threads: at least so many per cent of what one thread's share promises; "tile": at most so many
per cent more time for a key tile that is visited (attn-compile --explain=plan counts them) than in another shape.
"""

import argparse
import dataclasses
import functools
import json
import pathlib
import sys

from harness import Problem, gpu, gpu_report, kernels, memory, peers, regret, report, rounds, variants, workloads


def names(text):
    return [name for name in text.split(",") if name]


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--workloads", metavar="NAME,...", nargs="?", const="", type=names, help="names or families; none: real models"
    )
    what.add_argument("--variants", action="store_true", help="variants of attention beside plain sdpa")
    what.add_argument("--memory", action="store_true", help="working memory instead of speed")
    what.add_argument(
        "--regret", metavar="NAME,...", nargs="?", const="", type=names, help="plans; names or families as --workloads"
    )
    what.add_argument(
        "--gpu",
        metavar="DIR",
        nargs="?",
        const="",
        help="TFLOP/s of a GPU; DIR: with what --prepare-gpu wrote, without a compiler",
    )
    what.add_argument(
        "--prepare-gpu", metavar="DIR", type=pathlib.Path, help="write kernels of all chips and the launcher, and stop"
    )
    what.add_argument("--list", action="store_true", help="print the workloads and stop")
    what.add_argument(
        "--install-peers",
        metavar="WHAT",
        nargs="?",
        const="default",
        help="install other libraries below build/ and stop: default (openvino, iree, jax), torch (gigabytes; also for "
        "flex_attention and onednn), zentorch (gigabytes), ggml (built from source) or all",
    )
    parser.add_argument("--threads", type=int, default=0, help="threads for --workloads and --regret (default 1)")
    parser.add_argument("--rounds", type=int, default=7, help="turns that must count (default 7)")
    parser.add_argument("--dtype", choices=["f32", "bf16", "f16"], default="", help="instead of each workload's own")
    parser.add_argument(
        "--peers",
        type=names,
        default=[],
        metavar="NAME,...",
        help="none, or some of onnxruntime, openvino, torch, flex_attention, onednn, zentorch, iree, jax, ggml; with "
        "--gpu of torch-flash, torch-cudnn, torch-flex",
    )
    parser.add_argument(
        "--priority", action="store_true", help="weigh the measured process above others (root; for busy machines)"
    )
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures")
    parser.add_argument(
        "--report",
        type=pathlib.Path,
        metavar="DIR",
        nargs="?",
        const=pathlib.Path(__file__).parent / "results",
        help="write CPU-DATE.json or GPU-DATE.json, .md, plots (default benchmarks/results), rows of the same day kept",
    )
    parsed = parser.parse_args(arguments)
    if parsed.rounds < 1:
        parser.error(f"--rounds: expects at least 1, got {parsed.rounds}")
    if parsed.threads < 0:
        parser.error(f"--threads: expects at least 1, got {parsed.threads}")
    alone = "--variants" if parsed.variants else "--memory" if parsed.memory else ""
    if alone and parsed.peers:
        parser.error(f"--peers: not with {alone}, which measures this compiler's kernels alone")
    if parsed.memory and (parsed.priority or parsed.dtype):
        parser.error(f"--{'priority' if parsed.priority else 'dtype'}: not with --memory, which measures bytes in f32")
    if parsed.gpu is not None and (parsed.priority or parsed.dtype == "f32"):
        wrong = "priority: not" if parsed.priority else "dtype: no f32"
        parser.error(f"--{wrong} with --gpu, which measures f16 and bf16 on a device")
    if parsed.threads and parsed.workloads is None and parsed.regret is None:
        parser.error(
            "--threads: only with --workloads and --regret (what is asked of the project says itself with how many)"
        )
    return parsed


def plan(options):
    """[(threads, workload, Ask or None)] in the order to measure."""
    known, asked = workloads.load(options.dtype)
    if options.workloads is None:
        return [(ask.threads, known[ask.workload], ask) for ask in asked]
    threads = options.threads or 1
    asks = {ask.workload: ask for ask in asked if ask.threads == threads}
    return [(threads, w, asks.get(w.name)) for w in workloads.select(known, options.workloads)]


def measure(options):
    """All rows, printed as they come."""
    settings = rounds.Settings(rounds=options.rounds, priority=options.priority)
    contenders = [peers.OURS, *peers.choose(options.peers)]
    result = report.describe_run(options)
    steps = plan(options)
    for threads in sorted({threads for threads, _, _ in steps}):
        with rounds.Bench(threads, contenders, settings) as bench:
            report.print_head(bench, result)
            for _, w, ask in [step for step in steps if step[0] == threads]:
                row = bench.measure(w)
                row["commit"] = result["commit"]
                if ask:
                    row["asked"] = dataclasses.asdict(ask)
                    row["tiles"] = kernels.count_visited_tiles(w)
                result["rows"].append(row)
                report.print_row(row, result)
                if options.report:
                    report.write(options.report, result)
    return result


def main(arguments):
    options = parse_arguments(arguments)
    if options.install_peers:
        return peers.install(options.install_peers)
    if options.prepare_gpu:
        count = gpu.prepare(options.prepare_gpu, gpu.CHIPS.values())
        print(f"wrote {count} kernels and the launcher into {options.prepare_gpu}: bring it with benchmarks/")
        return 0
    if options.list:
        for w in workloads.load(options.dtype)[0].values():
            print(f"{w.name:24} {w.family:10} {w.describe()}")
        return 0
    way = memory.measure if options.memory else variants.measure if options.variants else measure
    if options.regret is not None:
        known, _ = workloads.load(options.dtype)
        way = functools.partial(regret.measure, selected=workloads.select(known, options.regret))
    if options.gpu is not None:
        way = gpu.measure
    result = way(options)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.report:
        write = report.write if options.gpu is None else gpu_report.write
        print(f"\nwrote {write(options.report, result).name} and what belongs to it into {options.report}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit(f"bench: {problem}")
