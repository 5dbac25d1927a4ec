"""What one researcher notices of a flood of others, and what memory it costs the domain.

Run with ``make bench``. A domain server on loopback, this process as the researcher, and processes
that flood the server, with the lowest priority, since as a rule they would have processors of their
own. Rounds without and with floods take turns. Each row is the median from submit to release, what
it is of the median without a flood, and the most memory that the server's process had.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil

from tests.processes import ServerSite
from tests.studies import dataset, diagnose, endless, linear
from workbench.documents import PrivateKey, PublicKey, Request
from workbench.domain.service import Domain
from workbench.errors import WorkbenchError
from workbench.identity import tokens

RUNS = 6
BODY = bytes(1 << 20)
NAME = "hospital-a"


def unknown(url, stop, key):
    """Call with keys that nobody knows and with large bodies, as fast as answers come."""

    def call(address):
        transport = httpx.HTTPTransport(local_address=address)
        with httpx.Client(base_url=url, transport=transport, timeout=5) as http:
            while not stop.is_set():
                target = "/v1/requests"
                token = tokens.make(PrivateKey.create(), NAME, "POST", target, BODY)
                with contextlib.suppress(httpx.TransportError):
                    http.post(target, content=BODY, headers={"authorization": f"Bearer {token}"})
                time.sleep(0.05)

    _threads(stop, [lambda n=n: call(f"127.0.0.{10 + n}") for n in range(10)])


def slow(url, stop, key):
    """Hold half-sent headers, 2000 from four addresses, and open anew what is ended."""
    port = int(url.rsplit(":", 1)[1])

    def hold(address):
        held = []
        while not stop.is_set():
            with contextlib.suppress(OSError):
                held.append(socket.create_connection(("127.0.0.1", port), 2, (address, 0)))
                held[-1].sendall(b"GET /v1/domain HTTP/1.1\r\nx: " + bytes(20_000))
            if len(held) > 500:
                held.pop(0).close()
            time.sleep(0.01)

    _threads(stop, [lambda n=n: hold(f"127.0.0.{30 + n}") for n in range(4)])


def greedy(url, stop, key):
    """Submit, cancel, run, follow and list as much as one researcher can, all at once."""
    from workbench.space.client.client import DomainClient

    numbers, mine = itertools.count(), PrivateKey.load(key["key"])
    public = PublicKey.from_text(key["domain"])
    client = DomainClient.at(NAME, url, public, mine)
    data = dataset(client)
    runs, waits = (_ready(client, data, f, e) for f, e in ((diagnose, 0.5), (endless, 2.0)))

    def patient(act):
        def again():
            one = DomainClient.at(NAME, url, public, mine)
            while not stop.is_set():
                try:
                    act(one)
                except WorkbenchError:
                    time.sleep(0.02)

        return again

    def wait_and_cancel(one):
        for status in [one.submit(_next(waits, numbers)) for _ in range(3)]:
            one.cancel(status.request_digest)

    def run(one):
        for _ in one.events(one.submit(_next(runs, numbers)).request_digest):
            pass

    def follow(one):
        for _ in one.events(one.submit(_next(waits, numbers)).request_digest):
            pass

    def look(one):
        one.requests()

    acts = [wait_and_cancel] * 2 + [run] * 3 + [follow] * 10 + [look] * 8
    _threads(stop, [patient(act) for act in acts])


def _threads(stop, calls):
    _give_way()
    for call in calls:
        threading.Thread(target=call, daemon=True).start()
    stop.wait()
    os._exit(0)


def _give_way():
    """Take the lowest priority, also where each session has one of its own (man 7 sched)."""
    os.setsid()
    os.nice(19)
    group = Path("/proc/self/autogroup")
    for _ in range(20):
        try:
            if group.exists():
                group.write_text("19")
            return
        except OSError:
            # It may be told only once in a tenth of a second.
            time.sleep(0.2)


def _ready(client, data, function, epsilon):
    """Return a request whose graph is uploaded."""
    graph = function.export(linear(), data)
    client.upload(graph.digest, graph.archive)
    card = data.card
    plan = function.plan(card, epsilon, 1e-5, len(graph.metrics))
    return Request.read(
        {
            "researcher": client.key.key_id,
            "domain": card.domain,
            "dataset": card.name,
            "dataset_version": card.dataset_version,
            "card": card.digest,
            "function": function.name,
            "graph": graph.digest,
            "inputs": list(graph.inputs),
            "metrics": list(graph.metrics),
            "plan": plan.model_dump(),
            "epsilon": epsilon,
            "delta": 1e-5,
            "purpose": "DUO:0000007",
        }
    )


def _next(request, numbers):
    return request.model_copy(update={"repeat": next(numbers) % 1_000_000})


def served(client, request):
    """Return how many milliseconds one request takes from submit to its evidence."""
    began = time.perf_counter()
    client.submit(request)
    for _ in client.events(request.digest):
        pass
    client.evidence(request.digest)
    return 1000 * (time.perf_counter() - began)


class Memory(threading.Thread):
    """Notes the most memory that a process has."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.process, self.most, self.ended = psutil.Process(pid), 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.05):
            self.most = max(self.most, self.process.memory_info().rss)


def measured(site, request, numbers):
    """Return the times of some requests and the most memory of the server in megabytes."""
    memory = Memory(site.process.pid)
    memory.start()
    client = site.client()
    times = [served(client, _next(request, numbers)) for _ in range(RUNS)]
    memory.ended.set()
    return times, memory.most / 2**20


def flooded(site, kinds, key, request, numbers):
    """Measure under floods."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    processes = [context.Process(target=k, args=(site.url, stop, key)) for k in kinds]
    for process in processes:
        process.start()
    time.sleep(20)
    found = measured(site, request, numbers)
    stop.set()
    for process in processes:
        process.join(20)
    time.sleep(3)
    return found


def prepared(folder):
    """Return a server whose dataset allows many runs, and a second researcher of it."""

    def edit(root):
        terms = root / "datasets" / "breast-cancer" / "terms.yaml"
        text = terms.read_text().replace("epsilon_total: 10.0", "epsilon_total: 100.0")
        terms.write_text(text.replace("  epsilon: 2.0\n", "  epsilon: 0.6\n"))
        with (root / "domain.toml").open("a") as file:
            file.write("[calls]\nrequests_per_day = 100000\n")

    site = ServerSite(Path(folder) / NAME, edit=edit)
    other = PrivateKey.create()
    other.save(Path(folder) / "greedy.key")
    domain = Domain(site.root)
    domain.operator.admit(other.public, "Greta Greedy", "researcher")
    domain.close()
    return site.start(), {"domain": str(site.public_key), "key": Path(folder) / "greedy.key"}


def main():
    """Print the table."""
    floods = {
        "unknown callers": (unknown,),
        "slow callers": (slow,),
        "a greedy researcher": (greedy,),
        "all of them": (unknown, slow, greedy),
    }
    with tempfile.TemporaryDirectory() as folder:
        site, key = prepared(folder)
        numbers = itertools.count()
        client = site.client()
        request = _ready(client, dataset(client), diagnose, 0.5)
        measured(site, request, numbers)
        free, rows = [], {}
        for name, kinds in floods.items():
            times, memory = measured(site, request, numbers)
            free += times
            rows[name] = flooded(site, kinds, key, request, numbers)
            rows.setdefault("nobody else", (free, memory))
        site.stop()
    alone = statistics.median(free)
    print(f"| flood (median of {RUNS}) | ms | times without | server, MB |\n|---|---|---|---|")
    for name, (times, memory) in sorted(rows.items(), key=lambda row: row[0] != "nobody else"):
        median = statistics.median(times)
        print(f"| {name} | {median:.0f} | {median / alone:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
