"""One step of DP-SGD against the same step without privacy, and against Opacus.

Run with ``make bench``, or ``python benchmarks/dp_sgd.py MLP CNN`` for some models. Everything runs
in one process, by turns of a twentieth of a second, so that noise of the machine meets all alike.
A step takes a batch from memory, computes gradients, clips, adds noise and moves the parameters.
Workbench draws its batch by Poisson sampling (the others take a fixed number), noises from AES in
counter mode and rounds to a grid; Opacus uses torch's generator. All get the memory settings of a
domain's worker, which keep pages instead of giving them back. Figures are medians; ratios are to
non-private eager PyTorch.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from opacus import PrivacyEngine
from opacus.layers import DPLSTM
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.models import CASES, Case, Recurrent
from workbench.documents import Plan
from workbench.domain.worker.surroundings import worker_environment
from workbench.engine.gradients import NoisedGradients
from workbench.engine.optimizers import joined, optimizer_of
from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sums.distributed import ALONE
from workbench.graphs.export.training import export
from workbench.records import Records

Step = Callable[[], None]
OPACUS = ("hooks", "functorch", "ghost")
_BATCHES = 4
_SECONDS = 2.0
_TURN = 0.05


def batches(case: Case):
    """Yield batches for ever, each taken from memory anew."""
    x, y = case.data(_BATCHES * case.batch)
    if case.tokens:
        x = x.long()
    while True:
        for part in torch.randperm(len(x)).split(case.batch):
            yield x[part], y[part]


def loss_of(case: Case, logits: torch.Tensor, x: torch.Tensor, y: torch.Tensor, criterion=None):
    criterion = criterion or F.cross_entropy
    if logits.dim() == 3:
        flat = logits[:, :-1].reshape(-1, logits.shape[-1]), x[:, 1:].reshape(-1)
        if isinstance(criterion, nn.CrossEntropyLoss) or criterion is F.cross_entropy:
            return criterion(*flat)
        return criterion(*flat, shape=(len(x), x.shape[1] - 1))
    return criterion(logits, y)


def without_privacy(case: Case) -> Step:
    torch.manual_seed(0)
    model, source = case.make(), batches(case)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)

    def step():
        x, y = next(source)
        optimizer.zero_grad()
        loss_of(case, model(x), x, y).backward()
        optimizer.step()

    return step


def workbench(case: Case) -> Step:
    torch.manual_seed(0)
    graph = export(case.function, case.make(), case.schema)
    x, y = case.data(_BATCHES * case.batch)
    records = Records.each_its_own({"x": x.numpy(), "y": y.numpy()})
    plan = Plan(
        learning_rate=0.01,
        steps=100_000,
        sample_rate=1 / _BATCHES,
        max_grad_norm=1.0,
        noise_multiplier=1.0,
        metrics_noise_multiplier=1.0,
    )
    table = UnitTable(records, graph.inputs, 1)
    rounds = NoisedGradients(graph, plan, table, case.batch, SealedRandom(bytes(32)), ALONE)
    parameters = {name: value.clone() for name, value in graph.parameters.items()}
    whole, parameters = joined(parameters, sorted(graph.trainable))
    optimizer = optimizer_of(plan, [whole])

    def step():
        whole.grad = rounds.gradient(parameters)
        optimizer.step()

    return step


def opacus(case: Case, mode: str) -> Step:
    torch.manual_seed(0)
    model, source = case.make(), batches(case)
    if isinstance(model, Recurrent):
        model = Recurrent(DPLSTM)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    loader = DataLoader(TensorDataset(torch.zeros(_BATCHES * case.batch, 1)), case.batch)
    made = PrivacyEngine().make_private(
        module=model,
        optimizer=optimizer,
        data_loader=loader,
        criterion=nn.CrossEntropyLoss(),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
        poisson_sampling=False,
        grad_sample_mode=mode,
    )
    model, optimizer = made[0], made[1]
    criterion = made[2] if mode == "ghost" else nn.CrossEntropyLoss()

    def step():
        x, y = next(source)
        optimizer.zero_grad()
        loss_of(case, model(x), x, y, criterion).backward()
        optimizer.step()

    return step


def contenders(case: Case) -> tuple[dict[str, Step], dict[str, str]]:
    """Return what runs, each after two steps to warm up, and why the others do not."""
    makers = {"non-private": lambda: without_privacy(case), "Workbench": lambda: workbench(case)}
    makers |= {f"Opacus {mode}": lambda mode=mode: opacus(case, mode) for mode in OPACUS}
    steps, failed = {}, {}
    for name, make in makers.items():
        try:
            step = make()
            step(), step()
            steps[name] = step
        except Exception as error:
            if not name.startswith("Opacus"):
                raise
            failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"
    return steps, failed


def measured(steps: dict[str, Step]) -> dict[str, tuple[float, float]]:
    """Return the median CPU and wall time of a step of each in milliseconds, taken in turn.

    A turn is as many steps as fill a twentieth of a second, as in training, where steps follow
    each other.
    """
    turns = {}
    for name, step in steps.items():
        began = time.perf_counter()
        step(), step()
        turns[name] = max(1, round(2 * _TURN / (time.perf_counter() - began)))
    times = {name: [] for name in steps}
    until = time.monotonic() + _SECONDS * len(steps)
    rounds = 0
    while rounds < 5 or (time.monotonic() < until and rounds < 200):
        for name, step in steps.items():
            began = time.process_time(), time.perf_counter()
            for _ in range(turns[name]):
                step()
            taken = time.process_time() - began[0], time.perf_counter() - began[1]
            times[name].append([part / turns[name] for part in taken])
        rounds += 1
    return {
        name: tuple(1000 * statistics.median(part) for part in zip(*taken, strict=True))
        for name, taken in times.items()
    }


def compare(names: list[str]) -> None:
    """Print a table: each contender in one thread, as a domain's workers have."""
    torch.set_num_threads(1)
    header = (
        "model",
        "batch",
        "non-private ms",
        "Workbench ms",
        "ratio CPU",
        "wall",
        "to reach",
        *(f"Opacus {mode}" for mode in OPACUS),
        "faster than best Opacus",
    )
    print(f"\n{processor()}; one thread (Opacus: ratios of CPU time)\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    found, notes = [], []
    for name in names:
        case = CASES[name]
        steps, failed = contenders(case)
        times = measured(steps)
        base, ours = times["non-private"], times["Workbench"]
        ratios = [
            times[f"Opacus {m}"][0] / base[0] if f"Opacus {m}" in times else None for m in OPACUS
        ]
        known = [ratio for ratio in ratios if ratio]
        ratio = ours[0] / base[0]
        faster = min(known) / ratio if known else float("nan")
        found.append((ratio, faster))
        row = (
            name,
            str(case.batch),
            f"{base[0]:.2f}",
            f"{ours[0]:.2f}",
            f"**{ratio:.2f}**",
            f"{ours[1] / base[1]:.2f}",
            f"{case.limit:.2f}",
            *(f"{r:.2f}" if r else "fails" for r in ratios),
            f"{faster:.2f}x",
        )
        print("| " + " | ".join(row) + " |", flush=True)
        notes += [f"{name}, {who}: {why}" for who, why in failed.items()]
    print(
        f"\nmedian: {statistics.median(f for _, f in found):.2f}x faster than the best Opacus mode"
    )
    for note in notes:
        print(f"- {note}")


def processor() -> str:
    """Return the processor's name, and which instructions PyTorch takes here."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return f"{name}, PyTorch with {torch.backends.cpu.get_cpu_capability()}"


def peak(name: str, who: str) -> None:
    """Print by how many MB three steps raise this process's memory."""
    torch.set_num_threads(1)
    case = CASES[name]
    step = without_privacy(case) if who == "non-private" else workbench(case)
    before = resident("VmRSS")
    # Linux forgets the peak so far (proc(5), clear_refs).
    Path("/proc/self/clear_refs").write_text("5")
    step(), step(), step()
    print(resident("VmHWM") - before)


def resident(what: str) -> float:
    """Return a figure of this process's memory in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", status).group(1)) / 1024


def memory(name: str) -> None:
    """Print the peak memory of a step, each in a process of its own."""
    taken = {}
    for who in ("non-private", "Workbench"):
        command = [sys.executable, "-W", "ignore", __file__, "--peak", name, who]
        taken[who] = float(subprocess.check_output(command, text=True).split()[-1])
    ratio = taken["Workbench"] / taken["non-private"]
    print(
        f"\npeak memory of a step, {name}: non-private {taken['non-private']:.0f} MB, Workbench "
        f"{taken['Workbench']:.0f} MB, ratio {ratio:.2f} (to reach: 1.6)"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", choices=[*CASES, []], default=[])
    parser.add_argument("--peak", nargs=2)
    given = parser.parse_args()
    settings = {k: v for k, v in worker_environment().items() if k.startswith("MALLOC")}
    if not settings.items() <= os.environ.items():
        # They are read when a process starts.
        os.execve(sys.executable, [*sys.orig_argv], {**os.environ, **settings})
    warnings.simplefilter("ignore")
    if given.peak:
        peak(*given.peak)
        return
    compare(given.models or list(CASES))
    memory("transformer")


if __name__ == "__main__":
    main()
