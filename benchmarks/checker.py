"""Random programs against the checker: what it accepts is run, and compared with what it says.

``PYTHONPATH=. python benchmarks/checker.py --programs 200000 --seed 0`` makes random programs over
all of its rules, and nearly right ones out of them, and prints how many were accepted, what was
refused and why, how often each operator was met with operands of each record, and what did not hold
(`tests/engine/checker`). ``--mutants`` prints instead how many wrong checkers are told from the
right one, by the programs that are written by hand and by as many random ones.

It runs in the environment of a domain's worker: one thread, one code path, vectors of AVX2. Where
the records are a multiple of 16, places are compared bit for bit; what differs by rounding is
listed as "last bits", and no finding: docs/privacy.md says how machines are tested for it.
"""

from __future__ import annotations

import argparse
import mmap
import os
import pickle
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import TYPE_CHECKING, Any

from workbench.domain.worker.surroundings import worker_environment

if TYPE_CHECKING:
    from tests.engine.checker.generator import Program

NEARLY = 3
"""How many nearly right programs are made of each that has grown."""
AT_ONCE = 100
_READY = "WORKBENCH_CHECKER_BENCHMARK"


class Tally:
    """What was seen, as a table."""

    def __init__(self) -> None:
        from tests.engine.checker.generator import Counts

        self.began = time.monotonic()
        self.processor = 0.0
        self.programs: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.depths: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.findings: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], str] = {}
        self.static = self.disagreed = 0
        self.proposals = Counts()

    def add(self, kind: str, program: Program, seed: str, rng: random.Random) -> None:
        """Check one program, and run it if it is accepted."""
        from tests.engine.checker.generator import plain
        from tests.engine.checker.truth import Static, findings
        from workbench.engine.program.checker.values.value import Value
        from workbench.engine.program.checker.walk import Refused

        self.programs[kind] += 1
        claims = program.known
        if claims is None or self.programs[kind] % 10 == 0:
            try:
                found = program.check()
            except Refused as error:
                self.refused[plain(error.reason)] += 1
                self.disagreed += claims is not None
                return
            self.disagreed += claims not in (None, found)
            claims = found
        self.accepted[kind] += 1
        self.depths[len(program.calls)] += 1
        try:
            wrong = findings(program, claims, rng, exactly=program.records % 16 == 0)
        except Static:
            self.static += 1
            return
        for node in program.calls:
            places = [claims[a].place for a in node.all_input_nodes if isinstance(claims[a], Value)]
            self.met[str(node.target)] += any(place is not None for place in places)
        for finding in wrong:
            self.note(finding.kind, str(finding.node.target), f"{kind} {seed}: {finding}")

    def note(self, kind: str, name: str, example: str) -> None:
        """Note what does not hold."""
        self.findings[kind, name] += 1
        self.examples.setdefault((kind, name), example)

    def print(self) -> None:
        """Print all of it."""
        from tests.engine.checker.generator import RECIPES

        made, accepted = sum(self.programs.values()), sum(self.accepted.values())
        print(f"programs made           {made:>9,}   {dict(self.programs)}")
        print(
            f"accepted                {accepted:>9,}   {accepted / made:.0%}, {dict(self.accepted)}"
        )
        print(
            f"operators in each       {median(self.depths.elements()):>9}   in the median, "
            f"{sum(n for d, n in self.depths.items() if d >= 8):,} with 8 and more"
        )
        print(
            f"run and compared        {accepted - self.static:>9,}   the other {self.static:,} "
            "fail for any data"
        )
        print(f"refused                 {made - accepted:>9,}")
        for reason, count in self.refused.most_common():
            print(f"    {count:>9,}  {reason}")
        left = sum(self.proposals.refused.values())
        print(f"nodes left out          {left:>9,}   refused while programs grew")
        for reason, count in self.proposals.refused.most_common():
            print(f"    {count:>9,}  {reason}")
        print(f"                        {self.proposals.rejected:>9,}   not taken by PyTorch")
        names = [str(target) for target in RECIPES]
        met = [self.met[name] for name in names if self.met[name]]
        print(
            f"operators met           {len(met):>9}   of {len(names)}, with operands of each "
            f"record; median {median(met or [0]):,} times"
        )
        rare = sorted((self.met[name], name) for name in names)[:25]
        print("    seldom: " + ", ".join(f"{name} {count}" for count, name in rare))
        print(f"grown and checked apart {self.disagreed:>9}   times differently")
        for title, wanted in (("last bits", True), ("findings", False)):
            some = [
                (k, n) for k, n in self.findings.most_common() if (k[0] == "last bits") == wanted
            ]
            print(f"{title:<24}{sum(n for _, n in some):>9}")
            for key, count in some:
                print(f"    {count:>9,}  {key[0]}: {key[1]}; first {self.examples[key][:300]}")
        print(
            f"seconds                 {time.monotonic() - self.began:>9.0f}   wall, "
            f"{self.processor:.0f} of the processor",
            flush=True,
        )


Job = tuple[str, Callable[[Tally], None]]


def done_apart(tally: Tally, jobs: list[Job]) -> Tally:
    """Do jobs in a process of their own; one that does not survive is a finding."""
    position = mmap.mmap(-1, 8)
    while True:
        with tempfile.TemporaryFile() as file:
            child = os.fork()
            if child == 0:
                for number, (_, job) in enumerate(jobs):
                    position[:8] = number.to_bytes(8, "little")
                    job(tally)
                tally.processor += time.process_time()
                pickle.dump(tally, file)
                file.flush()
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            if status == 0:
                file.seek(0)
                found: Tally = pickle.load(file)
                return found
        name = jobs.pop(int.from_bytes(position[:8], "little"))[0]
        tally.note("crash", name, f"{name}: status {status}")


def grown(seed: int, count: int) -> Iterator[Job]:
    """Grow programs from a seed on, with some nearly right ones of each."""
    from tests.engine.checker.generator import made, nearly

    def job(tally: Tally, name: str) -> None:
        rng = random.Random(name)
        program = made(rng, tally.proposals)
        tally.add("grown", program, name, rng)
        for which in range(NEARLY):
            tally.add("nearly right", nearly(program, rng), f"{name}/{which}", rng)

    for number in range(count):
        name = f"{seed}/{number}"
        yield name, lambda tally, name=name: job(tally, name)  # type: ignore[misc]


def traced(seed: int, count: int) -> Iterator[Job]:
    """Take programs that the engine makes of samples of operators, and nearly right ones."""
    from tests.engine.checker.generator import nearly
    from tests.engine.checker.traced import NAMES
    from tests.engine.checker.traced import traced as one

    def job(tally: Tally, name: str, records: int) -> None:
        rng = random.Random(f"{seed}/{name}/{records}")
        program = one(name, seed, records)
        if program is not None:
            tally.add("traced", program, f"{seed}/{name}/{records}", rng)
            for which in range(NEARLY):
                tally.add(
                    "traced, nearly right",
                    nearly(program, rng),
                    f"{seed}/{name}/{records}/{which}",
                    rng,
                )

    both = [(name, records) for name in NAMES for records in (4, 16)]
    for name, records in random.Random(seed).sample(both, min(count, len(both))):
        yield name, lambda tally, n=name, r=records: job(tally, n, r)  # type: ignore[misc]


def programs(seed: int, count: int) -> None:
    """Make programs, run what is accepted, and print what was seen."""
    tally = Tally()
    each = 1 + NEARLY
    few = count // 10 // each
    waiting: list[Job] = []
    jobs: Iterable[Job] = (*traced(seed, few), *grown(seed, count // each - few))
    shown = 0
    for job in jobs:
        waiting.append(job)
        if len(waiting) == AT_ONCE:
            tally, waiting = done_apart(tally, waiting), []
            if sum(tally.programs.values()) >= shown + 20_000:
                shown = sum(tally.programs.values())
                print(f"\nafter {shown:,} programs")
                tally.print()
    done_apart(tally, waiting).print()


def mutants(seed: int, count: int) -> None:
    """Print which mutants are caught, how, and what the others are."""
    from tests.engine.checker.generator import made, nearly
    from tests.engine.checker.hostile import HONEST, HOSTILE
    from tests.engine.checker.mutants import OUTCOMES, Sample, caught
    from tests.engine.checker.mutants import mutants as all_of_them
    from tests.engine.checker.test_mutants import explanation

    began = time.monotonic()
    by_hand = [Sample.of(one.program, one.runs) for one in HOSTILE]
    by_hand += [Sample.of(program) for program in HONEST.values()]
    at_random = []
    for number in range(count // (1 + NEARLY)):
        rng = random.Random(f"{seed}/{number}")
        program = made(rng)
        at_random += [Sample.of(program)]
        at_random += [Sample.of(nearly(program, rng)) for _ in range(NEARLY)]
    table: Counter[tuple[str, str, str]] = Counter()
    others = []

    def best(mutant: Any, samples: list[Sample]) -> str:
        """Return how it is caught; in a process of its own, which it may break."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, caught(mutant, samples)[0].encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            found = pipe.read()
        return "truth" if os.waitpid(child, 0)[1] else found

    every = all_of_them()
    for mutant in every:
        how, by = best(mutant, by_hand), "by hand"
        if how != "truth":
            other = best(mutant, at_random)
            if OUTCOMES.index(other) < OUTCOMES.index(how):
                how, by = other, "at random"
        table[mutant.kind, how, by if how != "nothing" else ""] += 1
        if how == "nothing":
            others.append(mutant)
    print(f"{len(every)} mutants, {len(by_hand)} programs by hand, {len(at_random)} at random")
    for (kind, how, by), number in sorted(table.items()):
        print(f"{number:>9,}  {kind:<10} {how:<14} {by}")
    left = sum(explanation(mutant) is None for mutant in others)
    print(f"caught {len(every) - len(others)}, explained {len(others) - left}, neither {left}")
    for mutant in others:
        print(f"    {explanation(mutant) or 'NOT EXPLAINED'}: {mutant}")
    print(f"seconds {time.monotonic() - began:.0f}", flush=True)


def main() -> None:
    """Read the arguments, and start over in a worker's environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mutants", action="store_true")
    given = parser.parse_args()
    if _READY not in os.environ:
        environment = {**os.environ, **worker_environment(), _READY: "1"}
        os.execve(sys.executable, [sys.executable, "-W", "ignore", *sys.argv], environment)
    (mutants if given.mutants else programs)(given.seed, given.programs)


if __name__ == "__main__":
    main()
