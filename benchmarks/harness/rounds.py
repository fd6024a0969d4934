# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures one workload: every contender in a process of its own, in rounds that take turns.

A turn of a contender counts only if the machine was the same before and after it (its peak, measured by a process that
does nothing else, moved by at most 3 %) and if at least one call ran without waiting for a CPU. Other turns are
repeated. What is reported is the fastest undisturbed call, with the spread of the turns.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np

from harness import Problem, Unsupported, kernels, numerics, peers

PEAK_TOLERANCE = 0.03
#: Turns that may be repeated, as a multiple of the turns asked for.
PATIENCE = 5
#: Of a call that takes longer than this many seconds a turn has one, and fewer turns do.
LONG_SECONDS = 0.5
LONG_ROUNDS = 3
#: Turns in which the entry points of one contender compete before the race. Some have fast and slow turns, depending on
#: whether their threads are awake; with two turns the wrong one was chosen at times.
HEATS = 4
#: Thread pools spin for a while after a call and would be in the way of the next contender.
QUIET_SECONDS = 0.25


@dataclasses.dataclass(frozen=True)
class Settings:
    rounds: int = 7
    seconds: float = 0.06  # of one turn
    priority: bool = False
    cpus: tuple[int, ...] = ()  # those this process may use, if empty


def weigh(pid, on):
    """Weighs the session of a process against others (Linux autogroup, root only): nice does not reach across them."""
    try:
        pathlib.Path(f"/proc/{pid}/autogroup").write_text("-20" if on else "0")
    except OSError as error:
        raise Problem(f"--priority: the kernel refuses it ({error.strerror}); it asks for root") from error


class Worker:
    """The other end of worker.py."""

    def __init__(self, peer, threads, settings):
        cpus = sorted(settings.cpus or os.sched_getaffinity(0))
        if len(cpus) < threads:
            raise Problem(f"--threads: {threads} wanted, but this process may use {len(cpus)} CPUs")
        self.peer, self.priority = peer, settings.priority
        message = {
            "name": peer.name,
            "module": peer.module,
            "path": list(peer.path),
            "threads": threads,
            "build_dir": str(kernels.build_dir()),
            "cpus": cpus[-threads:],  # the first ones serve most interrupts
        }
        environment = dict(os.environ)
        # A choice of OpenBLAS kernels for old numpy would slow a current one down.
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            environment.pop(name, None)
        if peer.name == "machine":
            environment["KMP_BLOCKTIME"] = "0"
        self.errors = tempfile.TemporaryFile("w+")
        worker = pathlib.Path(__file__).with_name("worker.py")
        self.process = subprocess.Popen(
            [peer.python, worker, json.dumps(message)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment,
            start_new_session=True,  # CPU time is shared by sessions first: see weigh()
        )

    def ask(self, do, **message):
        try:
            self.process.stdin.write(json.dumps({"do": do, **message}) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            return {"failed": f"the process of {self.peer.name} ended with status {self.process.wait()}"}
        return json.loads(answer)

    def set_priority(self, on):
        if self.priority:
            weigh(self.process.pid, on)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.errors.close()


MACHINE = peers.Peer("machine", "", "")


class Bench:
    """The workers for one number of threads; they stay alive from workload to workload."""

    def __init__(self, threads, contenders, settings):
        self.threads, self.settings = threads, settings
        self.absent = [peer for peer in contenders if peer.python is None]
        self.machine = Worker(MACHINE, threads, settings)
        self.workers = [Worker(peer, threads, settings) for peer in contenders if peer.python]
        self.versions = {}
        for worker in self.workers:
            answer = worker.ask("version")
            self.versions[worker.peer.name] = answer.get("version") or answer["failed"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in [self.machine, *self.workers]:
            worker.close()

    def rest(self):
        if self.threads > 1:
            time.sleep(QUIET_SECONDS)

    def peak(self):
        self.rest()
        answer = self.machine.ask("peak")
        if "failed" in answer:
            raise Problem(f"cannot measure the peak: {answer['failed']}")
        self.instructions = answer["instructions"]
        return answer["peak"]

    def bandwidth(self):
        """Bytes a second that as many threads read from memory."""
        self.rest()
        self.machine.set_priority(True)
        answer = self.machine.ask("bandwidth")
        self.machine.set_priority(False)
        if "failed" in answer:
            raise Problem(f"cannot measure the bandwidth: {answer['failed']}")
        return answer["bandwidth"]

    def measure(self, w):
        """One row of the report, as a dictionary."""
        row = {"workload": dataclasses.asdict(w), "threads": self.threads, "flops": w.flops, "bytes": w.bytes}
        row["bandwidth"] = self.bandwidth()
        libraries, row["compile_seconds"] = {}, 0.0
        try:
            for name, source in kernels.forms(w):
                path, seconds = kernels.compile_text(w.name, source)
                libraries[name] = str(path)
                row["compile_seconds"] += seconds
        except Unsupported as error:
            row["unsupported"] = str(error)
            return row
        with tempfile.TemporaryDirectory(prefix="attn-bench-") as name:
            folder = pathlib.Path(name)
            prepared = self.prepare(w, folder, libraries)
        contenders = [self.choose_variant(worker, answer) for worker, answer in prepared]
        for peer in self.absent:
            contenders.append({"name": peer.name, "absent": f"not installed: {peer.install_hint}"})
        row["contenders"] = contenders
        self.run_rounds(row, [(worker, c) for (worker, _), c in zip(prepared, contenders, strict=False)])
        for worker, _ in prepared:
            worker.ask("keep", variant=-1)
        return row

    def prepare(self, w, folder, libraries):
        """[(worker, its answer with every variant judged)]"""
        arrays = numerics.make_inputs(w)
        (folder / "inputs").mkdir()
        for name, array in arrays.items():
            np.save(folder / "inputs" / f"{name}.npy", array)
        truth, tolerance, others = numerics.reference(w, arrays)
        del arrays
        # Some libraries end their process over a workload: the next one gets a new process.
        self.workers = [self.revive(worker) for worker in self.workers]
        prepared = []
        for worker in self.workers:
            message = {"workload": dataclasses.asdict(w), "folder": str(folder), "libraries": libraries}
            answer = worker.ask("prepare", **message)
            allowed = tolerance if worker.peer is peers.OURS else others
            for variant in answer.get("variants", []):
                if "sample" in variant:
                    computed = np.load(folder / variant.pop("sample"))
                    variant["error_ratio"] = numerics.judge(computed, truth, allowed)
            prepared.append((worker, answer))
        return prepared

    def revive(self, worker):
        if worker.process.poll() is None:
            return worker
        worker.close()
        return Worker(worker.peer, self.threads, self.settings)

    def choose_variant(self, worker, answer):
        """The contender's own fastest correct entry point, found in short turns."""
        result = {"name": worker.peer.name, "version": self.versions[worker.peer.name]}
        for key in ("failed", "unsupported"):
            if key in answer:
                return result | {key: answer[key]}
        variants = answer["variants"]
        correct = [number for number, variant in enumerate(variants) if variant.get("error_ratio", np.inf) <= 1]
        for number in self.plan_heats(variants, correct):
            self.rest()
            worker.set_priority(True)
            turn = worker.ask("time", variant=number, seconds=self.settings.seconds)
            worker.set_priority(False)
            variant = variants[number]
            seconds = turn.get("seconds") or variant["first_seconds"]
            variant["heat_seconds"] = min(seconds, variant.get("heat_seconds", seconds))
        result["variants"] = variants
        if not correct:
            return result | {"failed": describe_failure(variants)}
        number = min(
            correct, key=lambda number: variants[number].get("heat_seconds", variants[number]["first_seconds"])
        )
        worker.ask("keep", variant=number)
        chosen = variants[number]
        return result | {"variant": chosen["variant"], "number": number, "error_ratio": chosen["error_ratio"]}

    def plan_heats(self, variants, correct):
        """Numbers of the variants to time before the race, in order: those that the first call has not ruled out."""
        best = min((variants[number]["first_seconds"] for number in correct), default=0.0)
        close = [number for number in correct if variants[number]["first_seconds"] <= 4 * best]
        return (close * (1 if best > LONG_SECONDS else HEATS)) if len(close) > 1 else []

    def run_rounds(self, row, entries):
        racing = [(worker, contender) for worker, contender in entries if "number" in contender]
        for _, contender in racing:
            contender.update(turns=[], discarded=0)
        peaks = [self.peak()]
        wanted = row["rounds"] = self.settings.rounds
        # One contender after the other, again and again: what changes on the machine meets all of them.
        for _ in range(PATIENCE * wanted):
            if any(min(c["turns"], default=0) > LONG_SECONDS for _, c in racing):
                wanted = row["rounds"] = min(wanted, LONG_ROUNDS)
            waiting = [(w, c) for w, c in racing if len(c["turns"]) < wanted and "failed" not in c]
            if not waiting:
                break
            for worker, contender in waiting:
                self.take_turn(worker, contender, peaks)
        row["peak"] = max(peaks)
        row["bandwidth"] = max(row["bandwidth"], self.bandwidth())
        row["instructions"] = self.instructions
        for _, contender in racing:
            finish(contender, row, wanted)

    def take_turn(self, worker, contender, peaks):
        """One turn; `peaks` ends with the peak before it and then with the one after it."""
        for each in (self.machine, worker):
            each.set_priority(True)
        before = peaks[-1]
        turn = worker.ask("time", variant=contender["number"], seconds=self.settings.seconds)
        after = self.peak()
        for each in (self.machine, worker):
            each.set_priority(False)
        peaks.append(after)
        if "failed" in turn:
            contender["failed"] = turn["failed"]
            return
        moved = abs(before - after) > PEAK_TOLERANCE * max(before, after)
        if moved or not turn.get("seconds"):
            contender["discarded"] += 1
            return
        contender["turns"].append(turn["seconds"])


def describe_failure(variants):
    """Why no variant can take part, in one line."""
    wrong = [v for v in variants if v.get("error_ratio", 0) > 1]
    if wrong:
        worst = max(v["error_ratio"] for v in wrong)
        return f"beyond the error budget, {worst:.3g} times ({wrong[0]['variant']})"
    return "; ".join(f"{v['variant']}: {v.get('error') or v.get('unsupported')}" for v in variants)


def finish(contender, row, wanted):
    """Adds the figures to a contender, or says why there are none."""
    del contender["number"]
    turns = contender["turns"]
    if "failed" in contender:
        return
    if len(turns) < wanted:
        contender["busy"] = f"no result: the machine was busy in {contender['discarded']} turns (see --priority)"
        if not turns:
            return
    contender["seconds"] = min(turns)
    contender["spread"] = max(turns) / min(turns) - 1
    contender["median"] = statistics.median(turns)
    contender["gflops"] = row["flops"] / contender["seconds"] * 1e-9
    contender["share"] = row["flops"] / contender["seconds"] / row["peak"]
    contender["gbytes"] = row["bytes"] / contender["seconds"] * 1e-9
    contender["bandwidth_share"] = row["bytes"] / contender["seconds"] / max(row["bandwidth"], 1.0)
