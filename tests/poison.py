"""Run every operator of a record graph once, and write down what came out, bit for bit.

``python -m tests.poison FILE`` in two processes whose memory is filled with other bytes
(``GLIBC_TUNABLES=glibc.malloc.perturb=...``) gives the same file, unless an operator hands out
memory that was never written, or reads some.
"""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from pathlib import Path

import torch

from tests.engine.operator_samples import CALLS, KINKS, Draw, batched

SEEDS = range(3)


def _circular():
    x = torch.ones(8, 2, 3, 3)
    return [torch.func.vmap(lambda one: torch.ops.aten.pad.default(one, [2, -2], "circular"))(x)]


OFFENDERS = {"PyTorch's own circular padding with amounts of both signs": _circular}
"""What leaves memory unwritten: it has to be seen."""


def digest(tensors):
    """Return a digest of the bits of some tensors."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def main(path):
    """Write what each operator gives, by its name."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found = {name: digest(run()) for name, run in OFFENDERS.items()}
    for name, make in CALLS.items():
        tensors = []
        for seed in SEEDS:
            values, gradients = batched(name, make(Draw(seed, special=KINKS if seed else ())))
            tensors += [*values, *gradients]
        found[name] = digest(tensors)
    Path(path).write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
