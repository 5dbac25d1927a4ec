"""What is made once and kept: the last few results and snippets."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """A bounded store; what was kept first goes first. Safe to use from several threads.

    Parameters
    ----------
    most
        How many values are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[str, T] = OrderedDict()

    def get(self, key: str, make: Callable[[], T], worth: Callable[[T], bool]) -> T:
        """Return what is kept under `key`, else make it and keep it if it is worth it."""
        with self._lock:
            if key in self._values:
                return self._values[key]
        found = make()
        if worth(found):
            with self._lock:
                self._values[key] = found
                if len(self._values) > self._most:
                    self._values.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
