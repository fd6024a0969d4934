# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""./dev bench --gpu as far as it goes without a GPU: shapes, command lines, kernels to bring along, calls, reports."""

import ctypes
import json
import pathlib
import sys
import types

import numpy as np
import pytest
from test_bench import bench, tiny

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))

from harness import Problem, gpu, gpu_report, numerics  # noqa: E402


def test_shapes_have_one_size():
    shapes = gpu.list_workloads()
    assert len(shapes) == len({(w.name, w.dtype) for w in shapes}) == 2 * 3 * 2 * 6
    assert {w.B * w.N for w in shapes} == {16384} and {w.H * w.D for w in shapes} == {2048}
    full, causal = (next(w for w in shapes if w.name == name) for name in ("gpu-d64-512", "gpu-d64-512-causal"))
    assert full.flops == 4 * 16384 * 512 * 2048
    assert causal.flops == full.flops * 513 // 1024
    assert {w.dtype for w in gpu.list_workloads("bf16")} == {"bf16"}


def test_chip_is_one_whose_code_runs():
    assert [gpu.choose_chip(c) for c in [(8, 0), (8, 6), (9, 0), (10, 3), (12, 1)]] == [
        "sm_80",
        "sm_80",
        "sm_90",
        "sm_100",
        "sm_120",
    ]
    with pytest.raises(Problem, match="8.0 or later, got 7.5"):
        gpu.choose_chip((7, 5))


def test_peers_by_name():
    assert gpu.choose_peers(["none"]) == []
    assert gpu.choose_peers([]) == ["torch-flash", "torch-cudnn", "torch-flex"]
    with pytest.raises(Problem, match="unknown 'openvino' .with --gpu expected none, torch-flash"):
        gpu.choose_peers(["openvino"])
    assert gpu.find_torch([]) == ("not asked for", [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gpu", "--dtype=f32"], "--dtype: no f32 with --gpu"),
        (["--gpu", "--priority"], "--priority: not with --gpu"),
        (["--gpu", "--threads=2"], "--threads: only with --workloads"),
        (["--gpu", "--memory"], "not allowed with argument"),
        (["--gpu=/nowhere"], "--gpu: /nowhere is not what --prepare-gpu writes"),
        (["--gpu", "--peers=openvino"], "--peers: unknown 'openvino'"),
    ],
)
def test_refuses(arguments, message):
    result = bench(*arguments)
    assert result.returncode and message in result.stderr


def has_driver():
    try:
        return bool(ctypes.CDLL("libcuda.so.1"))
    except OSError:
        return False


@pytest.mark.skipif(has_driver(), reason="there is a driver")
def test_without_a_gpu_says_what_to_bring():
    result = bench("--gpu")
    assert result.returncode == 1 and not result.stdout
    assert result.stderr.startswith("bench: --gpu: there is no NVIDIA driver on this machine")
    assert "--prepare-gpu=DIR" in result.stderr and "docs/GpuModel.md" in result.stderr


def test_short_calls_come_in_turns_of_many():
    assert [gpu.count_calls(s) for s in (1.0, 0.02, 0.001, 0.0)] == [1, 1, 20, 200]


class FakeDevice:
    """Memory of this process; the launcher notes what it is asked to start, and writes the result."""

    def __init__(self, result):
        self.launches, self.uploaded, self.result = [], [], result
        self.handle = ctypes.c_void_p(7)

        def launch(device, kernel, blocks, arguments, stream):
            name, _, size, threads, shared = kernel.contents
            self.launches.append((device, ctypes.string_at(name), size, threads, shared, blocks, stream))
            self.uploaded[-1][...] = self.result
            return 0

        kind = ctypes.CFUNCTYPE(
            ctypes.c_int32,
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_int64 * 5),
            ctypes.c_int64,
            ctypes.c_void_p,
            ctypes.c_void_p,
        )
        self.runtime = types.SimpleNamespace(attn_cuda_launch=kind(launch))

    def upload(self, array):
        self.uploaded.append(array.copy())
        return ctypes.c_void_p(self.uploaded[-1].ctypes.data)

    def download(self, address, array):
        array[...] = next(a for a in self.uploaded if a.ctypes.data == address.value)

    def time(self, run, calls):
        run()
        return 0.5

    def free(self, address):
        pass


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """A folder to bring along, of two kernels."""
    monkeypatch.setattr(gpu, "HEAD_SIZES", (64,))
    monkeypatch.setattr(gpu, "DTYPES", ("f16",))
    assert gpu.prepare(tmp_path / "kernels", ("sm_90",)) == 2
    return tmp_path / "kernels"


def test_what_is_brought_along_can_be_called(prepared):
    about = json.loads((prepared / "about.json").read_text())
    assert about["chips"] == ["sm_90"] and "attn" in about["compiler"] and (prepared / "libAttnRuntime.so").exists()
    # The kernel that is brought along knows 2048 / 64 heads.
    w = tiny(N=100, M=100, D=64, Dv=64, H=32, Hkv=32, B=1, dtype="f16", causal=True)
    arrays = numerics.make_inputs(w)
    scores = arrays["q"].astype(np.float64) @ arrays["k"].astype(np.float64).swapaxes(2, 3) / 8
    scores[..., np.triu(np.ones((100, 100), bool), 1)] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    right = weights / weights.sum(axis=-1, keepdims=True) @ arrays["v"].astype(np.float64)

    device = FakeDevice(right.astype(np.float16))
    row = gpu.measure_row(device, prepared, "sm_90", w, [], rounds=3)
    (entry,) = row["contenders"]
    assert entry["error"] <= 1 and entry["turns"] == [0.5] * 3
    assert entry["tflops"] == pytest.approx(w.flops / 0.5 * 1e-12)
    handle, name, size, threads, shared, blocks, stream = device.launches[0]
    assert (handle, name, threads, blocks, stream) == (7, b"attention_kernel", 128, 2 * 32, None)
    assert size > 10000 and shared == 40960

    # Who is wrong gets no speed.
    row = gpu.measure_row(FakeDevice(np.zeros_like(right, np.float16)), prepared, "sm_90", w, [], rounds=3)
    (entry,) = row["contenders"]
    assert "wrong: " in entry["failed"] and "tflops" not in entry


def make_result(*contenders, rows=512):
    w = next(w for w in gpu.list_workloads("f16") if rows == w.N and w.causal)
    row = {"workload": {**vars(w)}, "flops": w.flops, "contenders": list(contenders)}
    about = {"gpu": "NVIDIA H100 80GB HBM3", "capability": "9.0", "chip": "sm_90", "cuda": "12.4", "torch": "2.5.1"}
    return about | {"compiler": "attn-compile 0.1.0", "commit": "abc", "rounds": 7, "date": "2026-01-02", "rows": [row]}


def test_report_keeps_rows_of_the_same_day(tmp_path):
    ours = {"name": "attn-mlir", "tflops": 123.456, "seconds": 1.0}
    gpu_report.write(tmp_path, make_result(ours, {"name": "torch-cudnn", "unsupported": "no D"}))
    record = gpu_report.write(tmp_path, make_result({"name": "attn-mlir", "failed": "wrong: 3 times"}, rows=1024))
    assert record.name == "nvidia-h100-80gb-hbm3-2026-01-02.json"
    assert len(json.loads(record.read_text())["rows"]) == 2
    text = record.with_suffix(".md").read_text()
    assert text.startswith("# NVIDIA H100 80GB HBM3, 2026-01-02\n")
    assert "## f16, D = 64, causal" in text
    assert "| rows | attn-mlir | torch-cudnn |" in text
    assert "| 512 | 123.5 | no D |" in text and "| 1024 | wrong: 3 times | not measured |" in text
    assert gpu_report.line(make_result(ours)["rows"][0]) == ("f16 D=64 causal N=512 B=32 H=32: TFLOP/s attn-mlir 123.5")
