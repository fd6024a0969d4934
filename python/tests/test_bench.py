# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The harness of ./dev bench: what it selects, compiles, judges and writes. No test here looks at a speed."""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from harness import (  # noqa: E402
    Problem,
    kernels,
    memory,
    numerics,
    peers,
    regret,
    report,
    report_parts,
    rounds,
    stored,
    variants,
    workloads,
)

TINY = {"name": "tiny", "family": "test", "B": 2, "H": 4, "Hkv": 2, "N": 70, "M": 90, "D": 16, "Dv": 32}
FEATURES = {
    "plain": {},
    "causal": {"causal": True},
    "bias": {"bias": True, "scale": 1.0},
    "padding": {"padding": True},
    "padding and bias": {"padding": True, "bias": True},
    "window": {"causal": True, "window": 40},
    "softcap": {"causal": True, "window": 40, "softcap": 5.0},
    "alibi": {"causal": True, "alibi": True},
    "documents": {"N": 90, "causal": True, "documents": 3},
    "additive": {"similarity": "additive", "padding": True},
    "packed batches": {"N": 90, "causal": True, "window": 40, "documents": 3, "padding": True},
    "decode": {"N": 1, "cold": True},
}


def tiny(**fields):
    return workloads.make_workload(TINY | fields)


def bench(*arguments, **environment):
    command = [sys.executable, ROOT / "benchmarks/bench.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def measure(w, *contenders, threads=1):
    # One short turn that may be disturbed as often as it likes: only what it computes matters here.
    with rounds.Bench(threads, contenders, rounds.Settings(rounds=1, seconds=1e-3)) as bench:
        return bench.measure(w)


def test_help_names_every_part():
    result = bench("--help")
    assert result.returncode == 0
    for word in [
        "--workloads",
        "--variants",
        "--memory",
        "--regret",
        "--install-peers",
        "--priority",
        "--json",
        "--report",
        "float64",
    ]:
        assert word in result.stdout


def test_stored_keys_agree_with_float64(monkeypatch, tmp_path):
    monkeypatch.setattr(stored, "DECODE", {"B": 2, "Hkv": 2, "G": 2, "M": 48, "D": 16})
    monkeypatch.setattr(stored, "PACKED", {"H": 2, "D": 16})
    monkeypatch.setattr(stored, "EQUAL", [8, 8])
    monkeypatch.setattr(stored, "UNEQUAL", [5, 11])
    listed = stored.list_kernels("f32")
    assert {beside for _, _, beside, _ in listed.values()} <= set(listed)
    for text, options, _, _ in listed.values():
        file = tmp_path / "kernel.mlir"
        file.write_text(text)
        command = [kernels.build_dir() / "bin/attn-run", file, *options, "-O1", "--compare"]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0 and "ok: " in result.stdout, result.stdout + result.stderr


def test_list_describes_workloads():
    result = bench("--list")
    assert result.returncode == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert lines["llama3-chunk"].split()[1:] == "prefill bf16 B=1 H=32/8 N=512 M=4096 D=128, causal".split()
    assert lines["deepseek-mla-decode"].endswith("D=576/512, cold")


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--workloads=bert,no-such"], "--workloads: unknown 'no-such' (families: additive, "),
        (["--peers=tensorflow"], "--peers: unknown 'tensorflow' (expected none, onnxruntime, "),
        (["--rounds=0"], "--rounds: expects at least 1, got 0"),
        (["--variants", "--peers=onnxruntime"], "--peers: not with --variants"),
        (["--memory", "--peers=none"], "--peers: not with --memory"),
        (["--memory", "--priority"], "--priority: not with --memory"),
        (["--memory", "--dtype=bf16"], "--dtype: not with --memory"),
        (["--threads=2"], "--threads: only with --workloads"),
        (["--workloads=bert", "--threads=4096"], "--threads: 4096 wanted, but this process may use "),
        (["--install-peers=everything"], "unknown 'everything' (expected default, torch, zentorch, ggml or all)"),
    ],
)
def test_refuses(arguments, says):
    result = bench(*arguments)
    assert result.returncode != 0
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_asks_for_a_build_tree(tmp_path):
    result = bench("--memory", ATTN_BUILD_DIR=str(tmp_path))
    assert result.returncode != 0
    assert "start this as ./dev bench" in result.stderr


def test_selection():
    known, asked = workloads.load()
    assert {ask.workload for ask in asked} <= set(known)
    assert {ask.points_of for ask in asked} - {""} <= set(known)
    assert [w.name for w in workloads.select(known, ["vit", "diffusion"])] == [
        "vit",
        "stable-diffusion-self",
        "stable-diffusion-cross",
    ]
    assert {ask.tile_of for ask in asked} - {""} <= set(known)
    assert not {"ground", "sweep", "growth", "tiles"} & {w.family for w in workloads.select(known, [])}


def test_plan_of_a_plain_run():
    import bench as script

    steps = script.plan(script.parse_arguments([]))
    assert all(ask.workload == w.name and ask.threads == threads for threads, w, ask in steps)
    measured = {(w.name, threads) for threads, w, _ in steps}
    assert {("one-d64", 1), ("twelve-d128", 1), ("twelve-d64-1021", 1), ("twelve-d64-causal", 1)} <= measured
    # What is asked of two threads refers to one.
    assert all((name, 1) in measured for name, threads in measured if threads == 2)
    assert ("twelve-d64", 2) in measured

    steps = script.plan(script.parse_arguments(["--workloads=tiles"]))
    assert [(w.name, ask.tile_of) for _, w, ask in steps] == [
        ("tiles-dense", ""),
        ("tiles-512", "tiles-dense"),
        ("tiles-4096", "tiles-dense"),
    ]


def test_visited_tiles_are_the_compilers():
    # Tiles of 64 rows see 64 keys of their own and a window before: every row tile but the first few takes 2 or 3.
    dense, window = tiny(N=640, M=640), tiny(N=640, M=640, causal=True, window=64)
    rows = dense.B * dense.H * 10
    assert kernels.count_visited_tiles(dense) % rows == 0
    assert rows < kernels.count_visited_tiles(window) <= 3 * rows < kernels.count_visited_tiles(dense)


@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)
def test_pairs_are_those_of_the_mask(features):
    w = tiny(**features)
    kept = sum(int(w.keep(b, range(w.N)).sum()) for b in range(w.B))
    assert w.count_pairs() == kept
    assert w.flops == 2 * w.H * kept * (w.D + w.Dv)


def test_causal_is_bottom_right():
    w = tiny(N=2, M=4, causal=True)
    assert w.keep(0, [0, 1]).tolist() == [[True, True, True, False], [True] * 4]


@pytest.fixture(scope="module")
def race():
    with rounds.Bench(1, [peers.OURS, peers.PEERS[0]], rounds.Settings(rounds=1, seconds=1e-3)) as bench:
        yield bench


@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)
def test_features_mean_the_same_to_all(race, features):
    """Kernel text, reference and onnxruntime's calls agree, in every layout and by every entry point."""
    w = tiny(**features)
    row = race.measure(w)
    assert "unsupported" not in row
    ours, ort = (contender.get("variants", []) for contender in row["contenders"])
    assert {v["variant"].split(",")[0] for v in ours} == {"bnhd", "bhnd"}
    assert all(v["error_ratio"] <= 1 for v in ours)
    assert w.similarity != "dot" or any("error_ratio" in v for v in ort), ort
    assert all(v["error_ratio"] <= 1 for v in ort if "error_ratio" in v)


def make_peer(module):
    return peers.Peer(module, module, "numpy", (str(pathlib.Path(__file__).parent / "contenders"),))


def test_wrong_numbers_are_caught():
    row = measure(tiny(causal=True), peers.OURS, make_peer("numpy_peer"), make_peer("wrong_peer"))
    _, mixed, wrong = row["contenders"]
    assert mixed["variant"] == "right"
    assert mixed["variants"][0]["error_ratio"] > 1
    assert mixed["variants"][2]["error"] == "ValueError: has no such entry point"
    assert wrong["failed"].startswith("beyond the error budget, ")
    assert "seconds" not in wrong
    assert "budget" in report.word(row, wrong)


def test_dying_peer_is_told_from_a_busy_machine():
    dying = make_peer("dying_peer")
    with rounds.Bench(1, [peers.OURS, dying], rounds.Settings(rounds=1, seconds=1e-3)) as race:
        ended = race.measure(tiny())["contenders"][1]
        alive = race.measure(tiny(M=1))["contenders"][1]
    assert ended["failed"] == "the process of dying_peer ended with status 3"
    assert "seconds" not in ended and "busy" not in ended
    assert "failed" not in alive


def test_missing_peer_says_how_to_install_it():
    row = measure(tiny(), peers.OURS, peers.Peer("other", "other", "no_such_library"))
    assert row["contenders"][1]["absent"] == "not installed: ./dev bench --install-peers"


def test_unsupported_carries_the_compilers_words():
    row = measure(tiny(H=3), peers.OURS)
    assert "expects H to be a multiple of Hkv" in row["unsupported"]
    text = report.markdown({"cpu": "c", "cpu_model": "m", "date": "d", "compiler": "a", "rows": [row]})
    assert f"- tiny ({tiny(H=3).describe()}): {row['unsupported']}" in text


def test_judge():
    truth = np.array([1.0, 2.0])
    tolerance = np.array([0.1, 0.1])
    assert numerics.judge(np.array([1.05, 2.0]), truth, tolerance) == pytest.approx(0.5)
    assert numerics.judge(np.array([1.0, np.nan]), truth, tolerance) == np.inf
    assert numerics.judge(np.array([1.0, np.inf]), truth, tolerance) == np.inf


def test_budget_sees_a_lost_key():
    w = tiny(B=1, H=1, Hkv=1)
    arrays = numerics.make_inputs(w)
    truth, tolerance, _ = numerics.reference(w, arrays)
    less = dataclasses.replace(w, M=w.M - 1)
    shorter = {name: a[:, :, : w.M - 1] if name in "kv" else a for name, a in arrays.items()}
    assert numerics.judge(numerics.reference(less, shorter)[0], truth, tolerance) > 10


def test_json_and_markdown_have_the_fields(tmp_path):
    result = bench("--workloads=sweep-128", "--peers=none", "--rounds=1", f"--report={tmp_path}")
    assert result.returncode == 0, result.stderr
    (path,) = tmp_path.glob("*.json")
    data = json.loads(path.read_text())
    assert {"date", "cpu", "cpu_model", "compiler", "commit", "rows"} <= set(data)
    assert path.stem == f"{data['cpu']}-{data['date']}"
    (sweep,) = data["rows"]
    assert sweep["workload"]["name"] == "sweep-128" and sweep["threads"] == 1 and sweep["peak"] > 0
    assert sweep["flops"] == 4 * 128 * 128 * 64
    ours = sweep["contenders"][0]
    assert ours["name"] == "attn-mlir" and ours["error_ratio"] <= 1
    assert "busy" in ours or {"seconds", "spread", "gflops", "share", "turns", "discarded"} <= set(ours)
    text = path.with_suffix(".md").read_text()
    assert "sweep-128" in text


def make_measured(name, n, gflops):
    w = workloads.make_workload({"name": name, "family": "sweep", "B": 1, "H": 1, "N": n, "D": 64})
    turn = {
        "seconds": 1e-3,
        "gflops": gflops,
        "share": gflops / 100,
        "gbytes": 1.0,
        "bandwidth_share": 0.1,
        "spread": 0.02,
    }
    ours = {"name": "attn-mlir", "version": "1", "variant": "bnhd", "turns": [1e-3], "discarded": 0, **turn}
    other = ours | {"name": "onnxruntime", "seconds": 5e-4}
    row = {"workload": dataclasses.asdict(w), "threads": 1, "flops": w.flops, "bytes": w.bytes, "peak": 100e9}
    return row | {"bandwidth": 20e9, "contenders": [ours, other]}


def test_report_keeps_rows_of_the_day_and_says_where_others_win(tmp_path):
    head = {"cpu": "some", "cpu_model": "Some CPU", "date": "2000-01-02", "compiler": "attn-mlir 0"}
    report.write(tmp_path, head | {"rows": [make_measured("a", 128, 50.0), make_measured("b", 256, 60.0)]})
    report.write(tmp_path, head | {"rows": [make_measured("a", 128, 70.0)]})
    rows = json.loads((tmp_path / "some-2000-01-02.json").read_text())["rows"]
    assert [(row["workload"]["name"], row["contenders"][0]["gflops"]) for row in rows] == [("a", 70.0), ("b", 60.0)]
    text = (tmp_path / "some-2000-01-02.md").read_text()
    assert "- a, 1 thread(s): onnxruntime; we run at 0.50x its speed" in text
    for name in ("roofline", "sweep-f32"):
        assert f"some-2000-01-02-{name}.svg" in text
        xml.etree.ElementTree.parse(tmp_path / f"some-2000-01-02-{name}.svg")


def test_share_is_of_the_limit_that_binds():
    row = make_measured("a", 128, 50.0)
    assert report.word(row, row["contenders"][0]) == "1.000 ms, 50.0 GF/s, 50.0 %"
    row["workload"]["cold"] = True
    assert report.word(row, row["contenders"][0]) == "1.000 ms, 50.0 GF/s, 50.0 %"
    row["bandwidth"] = 1e9  # 131072 bytes now take longer than 4.2 M operations
    assert report.word(row, row["contenders"][0]) == "1.000 ms, 1.0 GB/s, 10.0 % of memory"


def test_asked_is_judged():
    def row(name, measured, threads=1, **ask):
        asked = dataclasses.asdict(workloads.Ask(name, threads, **ask))
        return {
            "workload": {"name": name},
            "threads": threads,
            "asked": asked,
            "contenders": [{"name": "attn-mlir", "share": measured}],
        }

    a = row("a", 0.87, share=88)
    b = row("b", 0.85, points_of="a", points=3)
    c = row("a", 0.80, threads=2, scaling=95)
    rows = [a, b, c]
    assert report.judge_asked(a, rows) == (">= 88 %", "87.0 %", False)
    assert report.judge_asked(b, rows)[2] is True
    assert report.judge_asked(c, rows)[1:] == ("80.0 %, 92.0 % of it", False)

    dense, window = row("dense", 0.9, share=88), row("window", 0.8, tile_of="dense", tile=10)
    dense |= {"tiles": 1000}
    window |= {"tiles": 100}
    dense["contenders"][0]["seconds"], window["contenders"][0]["seconds"] = 2.0, 0.218
    text, measured, met = report.judge_asked(window, [dense, window])
    assert text == "a visited tile takes <= 10 % more than of dense"
    assert (measured, met) == ("80.0 %, 100 tiles, 9.0 % more", True)
    window["contenders"][0]["seconds"] = 0.222
    assert report.judge_asked(window, [dense, window])[2] is False
    assert report.judge_asked(window, [window])[2] is None


def test_memory_stays_small():
    """32,768 rows and keys take at most 4 MB more than 64, tensors apart."""
    growth, _, large = memory.measure_growth()
    assert large["tensors"] == 4 * 32768 * 64 * 4
    assert growth <= memory.ASKED_BYTES


def test_needs_a_known_peer():
    with pytest.raises(Problem, match="unknown 'x'"):
        peers.choose(["x"])
    assert kernels.first_error("a.mlir:1:2: error: expects x\nnote: y\n") == "expects x"


def test_variants_are_right_and_beside_plain(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(variants, "SIZES", {"B": 1, "H": 2, "N": 70, "M": 80, "D": 16, "Dv": 8})
    chosen = {
        name: variants.VARIANTS[name]
        for name in [
            "plain",
            "max, entropy",
            "top 8",
            "one key head (MQA)",
            "pages of 16",
            "alibi",
            "mask [N,M]",
            "additive",
        ]
    }
    monkeypatch.setattr(variants, "VARIANTS", chosen)
    monkeypatch.setattr(variants.stored, "list_kernels", lambda _: {})  # their test is another
    options = argparse.Namespace(rounds=1, priority=False, dtype="")
    result = variants.measure(options)  # a kernel beyond its budget is a Problem
    assert [row["name"] for row in result["variants"]["rows"]] == list(chosen)
    assert result["variants"]["rows"][0]["ratio"] == 1.0
    assert "| additive |" in capsys.readouterr().out
    assert "| alibi |" in report.write(tmp_path, result).with_suffix(".md").read_text()


def test_every_variant_parses(tmp_path):
    file = tmp_path / "variants.mlir"
    file.write_text("\n// -----\n".join(variants.text(variant, "f32") for variant in variants.VARIANTS.values()))
    command = [kernels.build_dir() / "bin/attn-opt", "-split-input-file", file, "-o", tmp_path / "out"]
    subprocess.run(command, check=True)


def test_regret_tries_other_plans(monkeypatch):
    known, _ = workloads.load()
    w = dataclasses.replace(known["swin-49"], B=1, H=1, Hkv=1)
    _, plan = regret.read_plan(kernels.forms(w)[-1][1])
    assert regret.Plan.parse(regret.PLAN.match(str(plan))) == plan
    others = regret.alternatives(plan)
    assert plan not in others.values() and len(others) >= 8
    # A plan that the compiler refuses is left out: 60 rows are no multiple of the lanes.
    tried = {"keys": plan.but(keys=2 * plan.keys), "refused": plan.but(rows=60)}
    monkeypatch.setattr(regret, "alternatives", lambda _: tried)
    with rounds.Bench(1, [peers.OURS], rounds.Settings(rounds=1, seconds=1e-3)) as bench:
        row = regret.measure_row(bench, w)
    assert row["seconds"].keys() == {"chosen", "keys"}
    assert row["fastest"] in row["seconds"] and row["regret"] >= 0
    assert w.name in report_parts.regret_line(row)
    assert any(w.name in line for line in report_parts.regret_table({"rows": [row]}))
