"""Fill memory with junk before a program runs, so that reading it unset is seen."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_JUNK = (0x3F, 0xC5)
"""Bytes whose float32 and float64 are ordinary numbers of both signs, and that are true."""
_PERTURB = -6
_SMALL = range(16, 1056, 16)
_CACHED = 8
_COPIES = 4
_MOST_BYTES = 256 << 20


class Heap:
    """Fills freed and new memory with junk before a program runs.

    The C library fills what it hands out (glibc's ``M_PERTURB``), but for small pieces that it
    keeps at hand; and other libraries may not at all. So pieces of the sizes in use are taken,
    filled and given back, too.
    """

    def __init__(self) -> None:
        self._library: Any = ctypes.CDLL(None)
        self._library.malloc.restype = ctypes.c_void_p
        self._library.malloc.argtypes = [ctypes.c_size_t]
        self._library.free.argtypes = [ctypes.c_void_p]
        self._sizes: set[int] = set()

    @contextmanager
    def poisoned(self) -> Iterator[None]:
        """Set the C library's filling of memory back to its default afterwards."""
        try:
            yield
        finally:
            self._perturb(0)

    @contextmanager
    def filled(self, junk: int) -> Iterator[None]:
        """Fill memory with the first or the second kind of junk; note which sizes are in use."""
        byte = _JUNK[junk]
        # New memory gets the byte's complement, freed memory the byte.
        self._perturb(byte ^ 0xFF)
        pieces = [self._library.malloc(size) for size in _SMALL for _ in range(_CACHED)]
        for piece, size in zip(pieces, (s for s in _SMALL for _ in range(_CACHED)), strict=True):
            ctypes.memset(piece, byte, size)
        for piece in pieces:
            self._library.free(piece)
        left, held = _MOST_BYTES, []
        for size in sorted(self._sizes, reverse=True):
            for _ in range(_COPIES):
                if size <= left:
                    held.append(torch.empty(size, dtype=torch.uint8).fill_(byte))
                    left -= size
        del held
        if self._sizes:
            yield
        else:
            with _Sizes(self._sizes):
                yield

    def _perturb(self, byte: int) -> None:
        """Let the C library fill freed memory with a byte, and new memory with its complement."""
        if hasattr(self._library, "mallopt"):
            self._library.mallopt(_PERTURB, byte)


class _Sizes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the sizes of what operators return, in bytes."""

    def __init__(self, sizes: set[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._found = sizes

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outputs = func(*args, **(kwargs or {}))
        for value in outputs if isinstance(outputs, list | tuple) else (outputs,):
            if isinstance(value, torch.Tensor):
                self._found.add(value.untyped_storage().nbytes())
        return outputs
