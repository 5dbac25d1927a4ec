"""Random programs against the checker: what it accepts is run, and compared with what it says.

``PYTHONPATH=. python benchmarks/checker.py --programs 200000 --seed 0`` makes random programs over
all of its rules, and nearly right ones out of them, and prints how many were accepted, what was
refused and why, how often each operator was met with operands of each record, and what did not hold
(`tests/engine/checker`). ``--mutants`` prints instead which wrong checkers such programs, and those
written by hand, tell from the right one. It runs in the environment of a domain's worker: one
thread, one code path, vectors of AVX2.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from statistics import median

from workbench.domain.surroundings import worker_environment

NEARLY = 3
"""How many nearly right programs are made of each that has grown."""
_READY = "WORKBENCH_CHECKER_BENCHMARK"


class Tally:
    """What was seen, as a table."""

    def __init__(self) -> None:
        from tests.engine.checker.generator import Counts

        self.began = time.monotonic()
        self.programs: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.depths: list[int] = []
        self.refused: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.findings: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], str] = {}
        self.static = self.disagreed = 0
        self.proposals = Counts()

    def add(self, kind: str, program: object, seed: str, rng: random.Random) -> None:
        """Check one program, and run it if it is accepted."""
        from tests.engine.checker.generator import Program, _plain, checker
        from tests.engine.checker.truth import Static, findings

        assert isinstance(program, Program)
        self.programs[kind] += 1
        claims = program.known
        if claims is None or self.programs[kind] % 10 == 0:
            try:
                found = program.check()
            except checker.Refused as error:
                self.refused[_plain(error.reason)] += 1
                self.disagreed += claims is not None
                return
            self.disagreed += claims not in (None, found)
            claims = found
        self.accepted[kind] += 1
        self.depths.append(len(program.calls))
        try:
            wrong = findings(program, claims, rng, exactly=program.records % 16 == 0)
        except Static:
            self.static += 1
            return
        for node in program.calls:
            places = [claims[a].place for a in node.all_input_nodes
                      if isinstance(claims[a], checker.Value)]  # fmt: skip
            self.met[str(node.target)] += any(place is not None for place in places)
        for finding in wrong:
            key = (finding.kind, str(finding.node.target))
            self.findings[key] += 1
            self.examples.setdefault(key, f"{kind} {seed}: {finding}")

    def print(self) -> None:
        """Print all of it."""
        from tests.engine.checker.generator import RECIPES

        made, accepted = sum(self.programs.values()), sum(self.accepted.values())
        print(f"programs made           {made:>9,}   {dict(self.programs)}")
        print(f"accepted                {accepted:>9,}   {accepted / made:.0%}, "
              f"{dict(self.accepted)}")  # fmt: skip
        print(f"operators in each       {median(self.depths or [0]):>9}   in the median, "
              f"{sum(d >= 8 for d in self.depths):,} with 8 and more")  # fmt: skip
        print(f"run and compared        {accepted - self.static:>9,}   the other {self.static:,} "
              "fail for any data")  # fmt: skip
        print(f"refused                 {made - accepted:>9,}")
        for reason, count in self.refused.most_common():
            print(f"    {count:>9,}  {reason}")
        left = sum(self.proposals.refused.values())
        print(f"nodes left out          {left:>9,}   refused while programs grew")
        for reason, count in self.proposals.refused.most_common():
            print(f"    {count:>9,}  {reason}")
        print(f"                        {self.proposals.rejected:>9,}   not taken by PyTorch")
        for reason, count in self.proposals.broken.most_common(20):
            print(f"    {count:>9,}  {reason}")
        names = [str(target) for target in RECIPES]
        met = [self.met[name] for name in names if self.met[name]]
        print(f"operators met           {len(met):>9}   of {len(names)}, with operands of each "
              f"record; median {median(met or [0]):,} times")  # fmt: skip
        rare = sorted((self.met[name], name) for name in names)[:25]
        print("    seldom: " + ", ".join(f"{name} {count}" for count, name in rare))
        print(f"grown and checked apart {self.disagreed:>9}   times differently")
        wrong = sum(n for (kind, _), n in self.findings.items() if kind != "last bits")
        print(f"findings                {wrong:>9}")
        for key, count in self.findings.most_common():
            print(f"    {count:>9,}  {key[0]}: {key[1]}; first {self.examples[key][:300]}")
        print(f"seconds                 {time.monotonic() - self.began:>9.0f}   wall, "
              f"{time.process_time():.0f} of the processor", flush=True)  # fmt: skip


def grown(tally: Tally, seed: int, count: int) -> Iterator[int]:
    """Grow programs from a seed on, with some nearly right ones of each."""
    from tests.engine.checker.generator import made, nearly

    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        program = made(rng, tally.proposals)
        tally.add("grown", program, f"{seed}/{number}", rng)
        for which in range(NEARLY):
            tally.add("nearly right", nearly(program, rng), f"{seed}/{number}/{which}", rng)
        yield (number + 1) * (1 + NEARLY)


def traced(tally: Tally, seed: int) -> None:
    """Take programs that the engine makes of samples of operators, and nearly right ones."""
    from tests.engine.checker.generator import nearly
    from tests.engine.checker.traced import NAMES
    from tests.engine.checker.traced import traced as one

    for name in NAMES:
        for records in (4, 16):
            rng = random.Random(f"{seed}/{name}/{records}")
            try:
                program = one(name, seed, records)
            except Exception as error:
                tally.refused[f"cannot be traced: {type(error).__name__}"] += 1
                continue
            if program is not None:
                tally.add("traced", program, f"{seed}/{name}/{records}", rng)
                for which in range(5 * NEARLY):
                    tally.add("traced, nearly right", nearly(program, rng),
                              f"{seed}/{name}/{records}/{which}", rng)  # fmt: skip


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
    tally = Tally()
    traced(tally, given.seed)
    left = given.programs - sum(tally.programs.values())
    for done in grown(tally, given.seed, left // (1 + NEARLY)):
        if done % 20_000 < 1 + NEARLY:
            print(f"\nafter {done:,} of them")
            tally.print()
    tally.print()


if __name__ == "__main__":
    main()
