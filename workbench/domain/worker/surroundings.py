"""Set up what a worker needs around private programs, and prove that it is there.

The checker proves that a program keeps records apart as far as its operators do what they say. What
it can't prove is left to the process that runs the program:

- *Unwritten memory holds one byte all over*: an operator that reads what was never written sees a
  constant, and no number of somebody's record. glibc fills what it hands out and what it gets back;
  its cache of small pieces, which it doesn't fill, is off.
- *One thread*: several would cut arrays at places that depend on their length, and round
  differently there.
- *Vectors of 8 numbers*: with AVX-512's, chunks would have to be multiples of 32 records
  (`workbench.engine.program.tiles`). Libraries that choose their own instructions pass the same
  tests of places (`workbench.engine.program.places`).
- *No subnormal numbers*, which take many times longer than others.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

UNWRITTEN = 0x3F
"""The byte. Four of them are the float32 0.747, eight the float64 0.00048: ordinary numbers, which
stand out in no comparison, take no longer and are not zero by chance."""
_FREED = UNWRITTEN ^ 0xFF
"""glibc fills freed memory with this byte (-6.02 as float32) and new memory with its complement."""
_MAPPED = 32 << 20
_SIZES = (4, 36, 140, 1_000, 1_048, 4_100, 70_000, 1 << 20, _MAPPED + 4096)
"""Bytes of the pieces that are looked at: of all kinds that glibc tells apart."""
_LARGE = 1 << 16
_WRITTEN = 0xAA
_LEAST_NORMAL = 2.0**-126


class Unfit(Exception):
    """This machine or process is not what private programs need; says why."""


def worker_environment() -> dict[str, str]:
    """Return the environment variables of a worker's process; none is secret."""
    found = {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        # Threads that wait by spinning take the cores from other runs.
        "OMP_WAIT_POLICY": "PASSIVE",
        # A replay must round as the run did, and one record as at any other place of a chunk: sums
        # whose order does not depend on where in memory the numbers lie.
        "OMP_DYNAMIC": "FALSE",
        "MKL_DYNAMIC": "FALSE",
        "MKL_CBWR": "AUTO",
        "GLIBC_TUNABLES": f"glibc.malloc.perturb={_FREED}:glibc.malloc.tcache_count=0",
        # Gradients of a chunk come and go: memory that is given back costs a page fault each time.
        "MALLOC_MMAP_THRESHOLD_": str(_MAPPED),
        "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    }
    if _has_wide_vectors():
        found["ATEN_CPU_CAPABILITY"] = "avx2"
    return found


def _has_wide_vectors() -> bool:
    try:
        return " avx512f " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def settle() -> None:
    """Set what environment variables cannot, and check that all of it holds here.

    Processes and threads that this one starts later have the same.

    Raises
    ------
    Unfit
        If something is not so; says what.
    """
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if torch.get_num_threads() != 1:
        raise Unfit("torch does not keep to one thread")
    if torch.backends.cpu.get_cpu_capability() == "AVX512":
        raise Unfit("torch takes vectors of 16 numbers in spite of ATEN_CPU_CAPABILITY")
    if not flushes_subnormal():
        raise Unfit("the processor does not flush subnormal numbers: use one with SSE2 or ARMv8")
    if not fills_memory():
        raise Unfit(
            "memory that was not written yet is not filled: a worker needs Python and torch on "
            "glibc 2.26 or newer with its own malloc, not musl, jemalloc, tcmalloc or mimalloc "
            f"(GLIBC_TUNABLES={os.environ.get('GLIBC_TUNABLES', '')})"
        )


def flushes_subnormal() -> bool:
    """Return whether subnormal numbers are zero here, as operands and as results."""
    import torch

    small = torch.full((33,), _LEAST_NORMAL)
    subnormal = torch.ones(33, dtype=torch.int32).view(torch.float32)
    # By their bits: a comparison would take subnormal numbers for zeros itself.
    results = torch.stack([small * 0.5, subnormal * 2.0**100, small.double().mul(0.25).float()])
    return not bool(results.view(torch.int32).any())


def fills_memory() -> bool:
    """Return whether new memory never shows what was written there before, in any size."""
    import torch

    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    for size in _SIZES:
        times = range(3 if size < _LARGE else 1)
        written = [torch.full((size,), _WRITTEN, dtype=torch.uint8) for _ in times]
        pieces = [library.malloc(size) for _ in times]
        for piece in pieces:
            ctypes.memset(piece, _WRITTEN, size)
            library.free(piece)
        del written
        for _ in times:
            found = torch.empty(size, dtype=torch.uint8)
            piece = library.malloc(size)
            raw = ctypes.string_at(piece, size)
            library.free(piece)
            if not bool((found == UNWRITTEN).all()) or raw != bytes([UNWRITTEN]) * size:
                return False
    return True
