"""Tell how far a run is at times that follow from public figures alone.

How long a step takes can depend on the records in it, and on how many were drawn; who asks for
progress would see it. So a run has a schedule. Before it computes on a record it measures what its
steps take on filling, with the very programs that will run (`workbench.engine.timing.measured`),
and how much longer their operators take for other values (`workbench.engine.timing.slowest`); a
tenth more is their public time. After each step the run waits until its time has come, and only
then tells progress, an evaluation or its end. Times are counted from the start, so a step that was
late is caught up by the next ones. A run that fails tells so when it would have ended.

A limit on time is one on the schedule: what would take longer ends before it computes on a record,
whoever is among them.

What this rests on: there are at most a twentieth more units than published, and a chunk of records
takes at most a tenth longer than one of filling in which each operator meets the values that are
the slowest for it. Where one of them fails steps come late, and how late can be seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbench.engine.sums.distributed import RankLost
from workbench.engine.timing.costs import Cost

SLACK = 1.1
"""How much longer than measured the public time of a step is."""

Progress = Callable[[int, int], None]


class OverTime(Exception):
    """Raised if, by its schedule, a run takes longer than it may."""


class Pace:
    """The schedule of one run.

    Parameters
    ----------
    seconds, processor_seconds
        What the run may take by its schedule.
    started
        Called when all is ready and the schedule starts; until then no record was computed on.
    planned
        Called when the run fits into what it may take, before its data are made ready.
    clock, sleep
        What tells the time, in seconds, and what waits.

    Guarantees
    ----------
    What is due when follows from the arguments of `plan` alone. `wait` never returns earlier, and
    an error within `kept`, once the schedule has started, is never raised earlier than at its end.
    """

    def __init__(
        self,
        seconds: float = math.inf,
        processor_seconds: float = math.inf,
        started: Callable[[], None] = lambda: None,
        planned: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._most = Cost(seconds, processor_seconds)
        self._started, self._clock, self._sleep = started, clock, sleep
        self._planned = planned
        self._until: Callable[[int], Cost] = lambda done: Cost()
        self._steps = self._done = 0
        self._start = math.nan

    def plan(self, steps: int, until: Callable[[int], Cost]) -> None:
        """Set the schedule.

        Parameters
        ----------
        steps
            How many steps there are at most: of training, or rounds of a statistic.
        until
            What so many steps take together, as measured on filling; never less for more.

        Raises
        ------
        OverTime
            If the whole takes longer than the run may.
        """
        self._steps, self._until = steps, until
        whole = until(steps) * SLACK
        if whole.wall > self._most.wall or whole.processor > self._most.processor:
            raise OverTime
        self._planned()

    def start(self) -> None:
        """Begin with the schedule."""
        self._started()
        self._start = self._clock()

    def due(self, done: int) -> float:
        """Return how long after the start so many steps are told, in seconds."""
        return SLACK * self._until(done).wall

    def wait(self, done: int) -> None:
        """Return when it is time to tell that `done` steps are done."""
        while (left := self._start + self.due(done) - self._clock()) > 0:
            self._sleep(left)
        self._done = done

    @contextmanager
    def kept(self, progress: Progress | None = None) -> Iterator[None]:
        """Let a run that fails seem to go on, and raise its error when it would have ended.

        Parameters
        ----------
        progress
            Told the steps that are not done any more, each at its time.
        """
        try:
            yield
        except (OverTime, RankLost):
            # The first came before the schedule; of the second another rank decides.
            raise
        except Exception:
            if not math.isnan(self._start):
                for done in range(self._done + 1, self._steps + 1):
                    self.wait(done)
                    if progress is not None:
                        progress(done, self._steps)
            raise
