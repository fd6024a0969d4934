# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""--gpu: kernels for NVIDIA's GPUs through the launcher of attn-c/Cuda.h, beside torch, timed by the driver's events.

Sizes are those of Dao 2023, "Benchmarking attention": 16,384 rows in all batches together, heads of D elements in 2048
columns. All contenders get the same [B,H,N,D] tensors, are compared with float64 on sampled rows first, and then take
turns on one stream; the figure is the median of the turns. A turn has as many calls as take 20 ms.
"""

import ctypes
import dataclasses
import datetime
import importlib.util
import json
import pathlib
import shutil
import statistics
import subprocess

from harness import Problem, Unsupported, abi, gpu_report, kernels, numerics, workloads

TOKENS, COLUMNS = 16384, 2048
HEAD_SIZES, ROWS, DTYPES = (64, 128, 256), (512, 1024, 2048, 4096, 8192, 16384), ("f16", "bf16")
#: Chips that attn-compile knows, by compute capability.
CHIPS = {(8, 0): "sm_80", (8, 9): "sm_89", (9, 0): "sm_90", (10, 0): "sm_100", (12, 0): "sm_120"}
TURN_SECONDS, MOST_CALLS = 0.02, 200
OURS = "attn-mlir"
#: Contenders of torch: name, backend of scaled_dot_product_attention.
TORCH = {"torch-flash": "FLASH_ATTENTION", "torch-cudnn": "CUDNN_ATTENTION", "torch-flex": ""}
BRING = (
    "bring to a machine that has one: benchmarks/ and what --prepare-gpu=DIR writes here, then run there "
    "python3 benchmarks/bench.py --gpu=DIR (docs/GpuModel.md, On a device)"
)


def list_workloads(dtype=""):
    """All shapes, of one dtype or of both."""
    return [
        workloads.make_workload(
            {
                "name": f"gpu-d{size}-{rows}" + ("-causal" if causal else ""),
                "family": "gpu",
                "B": TOKENS // rows,
                "H": COLUMNS // size,
                "N": rows,
                "D": size,
                "layout": "bhnd",
                "dtype": kind,
                "causal": causal,
            }
        )
        for kind in ([dtype] if dtype else DTYPES)
        for size in HEAD_SIZES
        for causal in (False, True)
        for rows in ROWS
    ]


def choose_chip(capability):
    """The newest chip whose code a device of this compute capability runs."""
    runs = [known for known in CHIPS if known <= capability]
    if not runs:
        raise Problem(f"--gpu: expects compute capability 8.0 or later, got {'.'.join(map(str, capability))}")
    return CHIPS[max(runs)]


def choose_peers(names):
    """Contenders beside ours: all of torch without names, none for the word none."""
    if names == ["none"]:
        return []
    for name in names:
        if name not in TORCH:
            raise Problem(f"--peers: unknown '{name}' (with --gpu expected none, {', '.join(TORCH)})")
    return names or list(TORCH)


def get_library(folder, chip, w):
    """Where the kernel of a workload lies: one serves all numbers of rows."""
    return folder / chip / f"d{w.D}-{'causal' if w.causal else 'full'}-{w.dtype}.so"


def prepare(folder, chips):
    """Writes all that a machine without the compiler needs beside benchmarks/: kernels of each chip, the launcher, and
    who made them. Returns the number of kernels."""
    tools = kernels.build_dir()
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for chip in chips:
        (folder / chip).mkdir(exist_ok=True)
        for w in list_workloads():
            if w.N != ROWS[0]:
                continue
            source = kernels.sdpa_text(w, w.layout)
            library, _ = kernels.compile_text(f"{w.name}-{w.dtype}", source, "--target=nvidia", f"--chip={chip}")
            shutil.copyfile(library, get_library(folder, chip, w))
            count += 1
    shutil.copyfile(tools / "lib/libAttnRuntime.so", folder / "libAttnRuntime.so")
    version = subprocess.run([tools / "bin/attn-compile", "--version"], capture_output=True, text=True).stdout
    commit = ["git", "-C", pathlib.Path(__file__).parent, "rev-parse", "--short", "HEAD"]
    about = {
        "compiler": version.strip().splitlines()[0] if version.strip() else "",
        "commit": subprocess.run(commit, capture_output=True, text=True).stdout.strip(),
        "chips": list(chips),
    }
    (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    return count


class GpuCall(ctypes.Structure):
    """attn_gpu_call of attn-c/Gpu.h."""

    _fields_ = [
        ("abi_version", ctypes.c_int32),
        ("workers", ctypes.c_int32),
        ("launch", ctypes.c_void_p),
        ("device", ctypes.c_void_p),
        ("stream", ctypes.c_void_p),
        ("choose", ctypes.c_void_p),
        ("workspace", ctypes.c_void_p),
        ("workspace_bytes", ctypes.c_size_t),
    ]


class Device:
    """The first GPU: memory by attn-c/Cuda.h, what that has no function for by the driver itself."""

    def __init__(self, runtime):
        self.runtime = ctypes.CDLL(str(runtime))
        self.runtime.attn_cuda_message.restype = ctypes.c_char_p
        self.handle = ctypes.c_void_p()
        if self.runtime.attn_cuda_open(0, ctypes.byref(self.handle)):
            raise Problem(f"--gpu: {self.runtime.attn_cuda_message().decode()}; {BRING}")
        self.driver = ctypes.CDLL("libcuda.so.1")
        number = ctypes.c_int()
        self.check(self.driver.cuDeviceGet(ctypes.byref(number), 0))
        name = ctypes.create_string_buffer(256)
        self.check(self.driver.cuDeviceGetName(name, len(name), number))
        self.name = name.value.decode()
        self.capability = tuple(self.get_attribute(number, which) for which in (75, 76))
        version = ctypes.c_int()
        self.check(self.driver.cuDriverGetVersion(ctypes.byref(version)))
        self.cuda = f"{version.value // 1000}.{version.value % 1000 // 10}"

    def check(self, result):
        if result:
            raise Problem(f"--gpu: the driver refuses a call with CUresult {result}")

    def get_attribute(self, number, which):
        value = ctypes.c_int()
        self.check(self.driver.cuDeviceGetAttribute(ctypes.byref(value), which, number))
        return value.value

    def call(self, name, *arguments):
        if getattr(self.runtime, name)(self.handle, *arguments):
            raise Problem(f"--gpu: {self.runtime.attn_cuda_message().decode()}")

    def allocate(self, count):
        address = ctypes.c_void_p()
        self.call("attn_cuda_allocate", ctypes.c_size_t(count), ctypes.byref(address))
        return address

    def upload(self, array):
        """A copy of an array in row-major order; the caller frees it."""
        address = self.allocate(array.nbytes)
        self.call(
            "attn_cuda_copy_to_device", address, ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)
        )
        return address

    def download(self, address, array):
        self.call("attn_cuda_copy_to_host", ctypes.c_void_p(array.ctypes.data), address, ctypes.c_size_t(array.nbytes))

    def free(self, address):
        self.runtime.attn_cuda_free(self.handle, address)

    def time(self, run, calls):
        """Seconds of one call among so many, between two events of the default stream."""
        events = [ctypes.c_void_p() for _ in range(2)]
        for event in events:
            self.check(self.driver.cuEventCreate(ctypes.byref(event), 0))
        self.check(self.driver.cuEventRecord(events[0], None))
        for _ in range(calls):
            run()
        self.check(self.driver.cuEventRecord(events[1], None))
        self.check(self.driver.cuEventSynchronize(events[1]))
        milliseconds = ctypes.c_float()
        self.check(self.driver.cuEventElapsedTime(ctypes.byref(milliseconds), *events))
        for event in events:
            self.check(self.driver.cuEventDestroy_v2(event))
        return milliseconds.value / 1000 / calls


class Ours:
    """Our kernel of a workload with its tensors on the device."""

    def __init__(self, device, library, w, arrays):
        self.device, self.out = device, arrays["q"].copy()
        self.kernel = abi.Kernel(library)
        self.memory = []
        views = []
        for array in (arrays["q"], arrays["k"], arrays["v"], self.out):
            self.memory.append(device.upload(array))
            view = abi.make_view(array)
            view.data = self.memory[-1].value
            views.append(view)
        launch = ctypes.cast(device.runtime.attn_cuda_launch, ctypes.c_void_p)
        self.call = GpuCall(self.kernel.description["abi"], 0, launch, device.handle, None)
        self.arguments = [ctypes.byref(self.call), *(ctypes.byref(view) for view in views)]
        self.keep = views

    def run(self):
        if status := self.kernel.function(*self.arguments):
            raise Problem(f"--gpu: the kernel fails with status {status}: {self.device.runtime.attn_cuda_message()}")

    def get_output(self):
        self.device.download(self.memory[-1], self.out)
        return self.out

    def close(self):
        for address in self.memory:
            self.device.free(address)


class Torch:
    """A contender of torch on copies of the same tensors."""

    def __init__(self, name, w, arrays):
        import torch

        self.torch = torch
        kind = {"f16": torch.float16, "bf16": torch.bfloat16}[w.dtype]
        q, k, v = (torch.from_numpy(arrays[each].view("int16")).view(kind).cuda() for each in "qkv")
        if name == "torch-flex":
            self.run = self.make_flex(w, q, k, v)
        else:
            backend = getattr(torch.nn.attention.SDPBackend, TORCH[name])

            def run():
                with torch.nn.attention.sdpa_kernel(backend), torch.no_grad():
                    self.out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=w.causal)

            self.run = run

    def make_flex(self, w, q, k, v):
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention

        mask = None
        if w.causal:
            mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, w.N, w.M)
        compiled = self.torch.compile(flex_attention)

        def run():
            with self.torch.no_grad():
                self.out = compiled(q, k, v, block_mask=mask)

        return run

    def get_output(self):
        return self.out.float().cpu().numpy()

    def close(self):
        self.out = None


def find_torch(peers):
    """(version, names) of torch on this machine's GPU, or (why not, [])."""
    if not peers:
        return "not asked for", []
    if not importlib.util.find_spec("torch"):
        return "not installed", []
    import torch

    if not torch.cuda.is_available():
        return f"{torch.__version__} finds no GPU", []
    return torch.__version__, peers


def count_calls(seconds):
    """Calls of a turn, for a call that takes so long."""
    return max(1, min(MOST_CALLS, round(TURN_SECONDS / max(seconds, 1e-9))))


def measure_row(device, folder, chip, w, names, rounds):
    """One workload: who is right takes part in the turns."""
    arrays = numerics.make_inputs(w)
    # Weights are rounded to the type of V, as by all of these kernels: the budget of others has that.
    truth, _, tolerance = numerics.reference(w, arrays)
    row = {"workload": dataclasses.asdict(w), "flops": w.flops, "contenders": []}
    running = []
    for name in [OURS, *names]:
        entry = {"name": name}
        row["contenders"].append(entry)
        try:
            path = get_library(folder, chip, w)
            contender = Ours(device, path, w, arrays) if name == OURS else Torch(name, w, arrays)
            contender.run()
            entry["error"] = numerics.judge(numerics.take_sample(w, contender.get_output()), truth, tolerance)
        except (RuntimeError, Unsupported) as refusal:  # a backend that does not take these sizes says so
            entry["unsupported"] = str(refusal).strip().splitlines()[0]
            continue
        if entry["error"] > 1:
            entry["failed"] = f"wrong: {entry['error']:.3g} times what is allowed"
            contender.close()
            continue
        entry["turns"] = []
        calls = count_calls(device.time(contender.run, 3))
        running.append((entry, contender, calls))
    for _ in range(rounds):
        for entry, contender, calls in running:
            entry["turns"].append(device.time(contender.run, calls))
    for entry, contender, _ in running:
        entry["seconds"] = statistics.median(entry["turns"])
        entry["tflops"] = w.flops / entry["seconds"] * 1e-12
        contender.close()
    return row


def measure(options):
    """All rows, printed as they come. The first thing that is done is to look for a device."""
    names = choose_peers(options.peers)
    folder = pathlib.Path(options.gpu) if options.gpu else None
    if folder and not (folder / "about.json").exists():
        raise Problem(f"--gpu: {folder} is not what --prepare-gpu writes: it has no about.json")
    device = Device((folder or kernels.build_dir() / "lib") / "libAttnRuntime.so")
    chip = choose_chip(device.capability)
    if not folder:
        folder = kernels.build_dir() / "bench/gpu"
        prepare(folder, (chip,))
    about = json.loads((folder / "about.json").read_text())
    if options.dtype != "f16" and not importlib.util.find_spec("ml_dtypes"):
        raise Problem("--gpu: numpy has no bf16 without the package ml_dtypes: install it, or ask for --dtype=f16")
    version, names = find_torch(names)
    result = {
        "date": datetime.date.today().isoformat(),
        "gpu": device.name,
        "capability": ".".join(map(str, device.capability)),
        "chip": chip,
        "cuda": device.cuda,
        "torch": version,
        "rounds": options.rounds,
        **{name: about[name] for name in ("compiler", "commit")},
        "rows": [],
    }
    print(gpu_report.head(result), flush=True)
    for w in list_workloads(options.dtype):
        result["rows"].append(measure_row(device, folder, chip, w, names, options.rounds))
        print(gpu_report.line(result["rows"][-1]), flush=True)
        if options.report:
            gpu_report.write(options.report, result)
    return result
