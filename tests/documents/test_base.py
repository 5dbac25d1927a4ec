"""Check what every document stands on."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.documents import Plan
from workbench.documents.base import digest_bytes, hex_of, plain, short
from workbench.errors import InvalidDocument


def test_a_digest_and_a_key_are_shown_by_their_first_twelve_digits():
    digest = digest_bytes(b"")
    assert hex_of(digest) == hex_of(digest[7:]) == digest[7:]
    assert short(digest) == short(digest[7:]) == "e3b0c44298fc"


def test_numbers_of_numpy_are_read_as_the_numbers_that_they_are():
    given = {"learning_rate": 0.5, "steps": 5, "sample_rate": 0.5, "max_grad_norm": 1.0}
    given |= {"noise_multiplier": 1.0, "metrics_noise_multiplier": 1.0}
    numpys = {n: np.int64(v) if n == "steps" else np.float32(v) for n, v in given.items()}
    assert Plan.read(numpys).digest == Plan.read(given).digest
    assert plain((np.int8(1), [np.bool_(True)], {"a": np.float64(0.5)})) == (1, [True], {"a": 0.5})


def test_what_is_no_json_is_refused_by_its_field():
    with pytest.raises(InvalidDocument, match=r"^Plan\.steps: Object of type ndarray"):
        Plan.read({"steps": np.arange(3)})
    with pytest.raises(InvalidDocument, match=r"^Plan\.public_loss\.draws: Object of type"):
        Plan.read({"public_loss": {"draws": {1, 2}}})
    with pytest.raises(InvalidDocument, match=r"^Plan\.learning_rate: Out of range"):
        Plan.read({"learning_rate": np.float32("nan")})
