# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A process that holds one contender and times it on demand. Started by rounds.py, which talks to it in lines of JSON.

The CPUs it may use are set before anything else is imported, so no contender can use more of them than asked.
"""

import contextlib
import importlib
import json
import os
import pathlib
import sys
import time
import traceback

#: A call counts as disturbed if its threads waited for a CPU longer than this, as a share of the call, plus a wake-up:
#: less than the peak may move. On a machine that others use, calls of half a second never go without.
DISTURBED_SHARE = 0.02
WAKE_UP_SECONDS = 20e-6
#: Short calls are timed in batches of at least this long.
BATCH_SECONDS = 2e-4
MAX_CALLS = 1000
#: So long a call is timed once, without warming up: none of its beginning is in a cache at its end.
LONG_SECONDS = 0.5
COLD_BYTES = 192 << 20


def waited_for_cpu():
    """Seconds that all threads of this process have waited for a CPU while they could have run."""
    total = 0
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/schedstat") as file:
            total += int(file.read().split()[1])
    return total * 1e-9


class Evict:
    """Fills the caches with something else. It only reads: lines that were written would have to be written back during
    the call that is timed."""

    def __init__(self):
        import numpy as np

        self.memory = np.ones(COLD_BYTES // 8)

    def __call__(self):
        self.memory.sum()


def time_batch(run, batch, evict):
    """Seconds that some calls took, and how long their threads waited for a CPU meanwhile."""
    if evict:
        evict()
    waited = waited_for_cpu()
    start = time.perf_counter()
    for _ in range(batch):
        run()
    spent = time.perf_counter() - start
    return spent, waited_for_cpu() - waited


def is_disturbed(spent, waited):
    return waited > DISTURBED_SHARE * spent + WAKE_UP_SECONDS


def time_calls(run, seconds, evict=None):
    """The fastest undisturbed call (or batch of calls) within about this many seconds, at least two of them."""
    once, waited = time_batch(run, 1, evict)
    # Cold as it may be, it was a call: the fastest one counts.
    calls, disturbed = 1, int(is_disturbed(once, waited))
    best = None if disturbed else once
    if once > LONG_SECONDS:
        return {"seconds": best, "calls": calls, "disturbed": disturbed}
    batch = 1 if evict or once > BATCH_SECONDS else int(BATCH_SECONDS / max(once, 1e-7)) + 1
    end = time.perf_counter() + seconds
    while calls < 2 or (time.perf_counter() < end and calls < MAX_CALLS):
        spent, waited = time_batch(run, batch, evict)
        calls += 1
        if is_disturbed(spent, waited):
            disturbed += 1
        elif best is None or spent / batch < best:
            best = spent / batch
    return {"seconds": best, "calls": calls, "disturbed": disturbed}


class Machine:
    """Not a contender: what the machine can do at most."""

    def __init__(self, settings):
        from harness import abi

        self.runtime = abi.load_runtime(settings["build_dir"])
        self.threads = settings["threads"]

    def peak(self, _):
        return {
            "peak": self.runtime.attn_measure_peak_f32(self.threads, 8),
            "instructions": self.runtime.attn_peak_instruction_set().decode(),
        }

    def bandwidth(self, _):
        return {"bandwidth": self.runtime.attn_measure_read_bandwidth(self.threads, 256 << 20, 8)}


class Contender:
    """One library and its entry points for one workload at a time."""

    def __init__(self, settings):
        sys.path[:0] = settings["path"]
        self.settings = settings
        self.module = importlib.import_module(settings["module"])
        self.evict = None

    def version(self, _):
        return {"version": self.module.version()}

    def prepare(self, message):
        """Builds every variant, runs each once and leaves sampled outputs in files."""
        import numpy as np

        from harness import Unsupported, numerics, workloads

        workload = workloads.Workload(**message["workload"])
        folder = pathlib.Path(message["folder"])
        arrays = {path.stem: numerics.load(path, workload.dtype) for path in sorted((folder / "inputs").glob("*.npy"))}
        self.runs, answers = [], []
        try:
            variants = self.module.variants(workload, arrays, {**self.settings, **message})
        except Unsupported as error:
            return {"unsupported": str(error)}
        for number, (name, build) in enumerate(variants):
            answer = {"variant": name}
            run = None
            try:
                run, get = build()
                start = time.perf_counter()
                run()
                answer["first_seconds"] = time.perf_counter() - start
                answer["sample"] = f"{self.settings['name']}-{number}.npy"
                np.save(folder / answer["sample"], numerics.take_sample(workload, get()))
            except Unsupported as error:
                answer["unsupported"] = str(error)
            except Exception as error:  # a contender that fails is a row, not the end
                print(traceback.format_exc(), file=sys.stderr)
                answer["error"] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            self.runs.append(run)
            answers.append(answer)
        self.evict = Evict() if workload.cold else None
        return {"variants": answers}

    def keep(self, message):
        """Frees all variants but one."""
        self.runs = [run if number == message["variant"] else None for number, run in enumerate(self.runs)]
        return {}

    def time(self, message):
        return time_calls(self.runs[message["variant"]], message["seconds"], self.evict)


def main():
    settings = json.loads(sys.argv[1])
    os.sched_setaffinity(0, settings["cpus"])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TBB_NUM_THREADS"):
        os.environ[name] = str(settings["threads"])
    # Libraries print what they like: answers go to a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    holder = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if holder is None:
                holder = Machine(settings) if settings["name"] == "machine" else Contender(settings)
            answer = getattr(holder, message["do"])(message)
        except Exception as error:
            print(traceback.format_exc(), file=sys.stderr)
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    main()
