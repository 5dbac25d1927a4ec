"""What it takes to send a graph of 100 million parameters: time, bytes, and memory at both ends.

Run with ``make bench``. A domain server on loopback and this process as the researcher. The model
has a frozen base of 24 layers and a small head that is trained. It is sent, and then once more with
another head. Memory is what each process has at the most, beyond what it had before.
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from tests.processes import ServerSite
from tests.studies import dataset, diagnose

WIDTH, LAYERS = 2048, 24
MEGABYTE = 1_000_000


def processor():
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))


class Memory:
    """The memory of one process, from now on."""

    def __init__(self, process):
        self.place = Path(f"/proc/{process}")
        self.before = self.resident("VmRSS")
        # Linux forgets the peak so far (proc(5), clear_refs).
        (self.place / "clear_refs").write_text("5")

    def resident(self, what):
        status = (self.place / "status").read_text()
        return int(re.search(rf"{what}:\s+(\d+)", status).group(1)) * 1024 / MEGABYTE

    @property
    def taken(self):
        """How many megabytes it had at the most beyond those of the beginning."""
        return self.resident("VmHWM") - self.before


def model():
    """A base that is not trained, and a head that is."""
    torch.manual_seed(0)
    base = [layer for _ in range(LAYERS) for layer in (nn.Linear(WIDTH, WIDTH), nn.Tanh())]
    found = nn.Sequential(nn.Linear(30, WIDTH), *base, nn.Linear(WIDTH, 2))
    found.requires_grad_(False)
    found[-1].requires_grad_(True)
    return found


def measured(rows, what, process, server, act):
    """Do something, and note time, bytes and memory."""
    client, there = Memory(process), Memory(server)
    began = time.perf_counter()
    found = act()
    seconds = time.perf_counter() - began
    rows.append((what, seconds, client.taken, there.taken))
    return found


def limited(root):
    with (root / "domain.toml").open("a") as file:
        file.write("[graphs]\nmax_parameters = 120000000\n")


def main():
    """Print the table."""
    rows, sent = [], {}
    with tempfile.TemporaryDirectory() as folder:
        site = ServerSite(Path(folder) / "hospital-a", edit=limited).start()
        client, data = site.client(), dataset(site.client())
        # What is loaded once is not counted.
        diagnose.export(nn.Linear(30, 2), data)
        client.upload(*_graph(diagnose.export(nn.Linear(30, 2), data)))
        trained = model()
        for what in ("first", "with another head"):
            export = f"export, {what}"
            graph = measured(
                rows, export, "self", site.process.pid, lambda: diagnose.export(trained, data)
            )
            bytes_sent = []
            measured(
                rows,
                f"upload, {what}",
                "self",
                site.process.pid,
                lambda g=graph, b=bytes_sent: client.upload(
                    *_graph(g), lambda arrived, total: b.append(total)
                ),
            )
            sent[f"upload, {what}"] = bytes_sent[-1] / MEGABYTE
            size, count = graph.content.size / MEGABYTE, graph.facts.parameters
            del graph
            with torch.no_grad():
                trained[-1].weight.add_(1.0)
        site.stop()
    print(f"{processor()}; {count:,} parameters, {size:.0f} MB\n")
    print("| what | s | sent, MB | client, MB | of the graph | server, MB | of the graph |")
    print("|---|---|---|---|---|---|---|")
    for what, seconds, mine, theirs in rows:
        megabytes = f"{sent[what]:.1f}" if what in sent else ""
        print(
            f"| {what} | {seconds:.1f} | {megabytes} | {mine:.0f} | {mine / size:.2f} "
            f"| {theirs:.0f} | {theirs / size:.2f} |"
        )


def _graph(graph):
    return graph.digest, graph.content


if __name__ == "__main__":
    main()
