"""Write real data for the demo where two hospitals would keep it.

Three datasets are taken from scikit-learn. The others are in ``files``, with where they come from
and their licences in ``files/LICENCES.txt``: no package that the demo could install has them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

_FILES = Path(__file__).parent / "files"

HOLDINGS: dict[str, tuple[str, ...]] = {
    "hospital-a": ("breast-cancer", "digits", "messages"),
    "hospital-b": ("breast-cancer", "diabetes", "hiv-trial", "voices"),
}
"""Which domain of the demo holds which dataset."""


def materialise(domain: str, folder: Path) -> None:
    """Write the data files of one demo domain.

    Parameters
    ----------
    domain
        ``hospital-a`` or ``hospital-b``. Of breast-cancer each holds every second record.
    folder
        Where to write ``<dataset>.csv`` or ``.npz``.
    """
    for dataset in HOLDINGS[domain]:
        _WRITERS[dataset](folder, sorted(HOLDINGS).index(domain))


def _breast_cancer(folder: Path, half: int) -> None:
    import pandas as pd
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    frame = pd.DataFrame(data.data, columns=names)
    frame["diagnosis"] = data.target_names[data.target]
    frame.iloc[half::2].to_csv(folder / "breast-cancer.csv", index=False)


def _digits(folder: Path, half: int) -> None:
    import numpy as np
    from sklearn.datasets import load_digits

    data = load_digits()
    images = data.images.astype("float32").reshape(-1, 1, 8, 8)
    np.savez_compressed(folder / "digits.npz", image=images, digit=data.target)


def _diabetes(folder: Path, half: int) -> None:
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True).frame.rename(columns={"target": "progression"})
    frame.to_csv(folder / "diabetes.csv", index=False)


def _hiv_trial(folder: Path, half: int) -> None:
    shutil.copyfile(_FILES / "hiv-trial.csv", folder / "hiv-trial.csv")


def _voices(folder: Path, half: int) -> None:
    import numpy as np

    with np.load(_FILES / "voices.npz") as stored:
        # Kept as whole hundredths, which take a quarter of the space.
        cepstrum = stored["cepstrum"].astype("float32") / 100
        np.savez_compressed(folder / "voices.npz", cepstrum=cepstrum, speaker=stored["speaker"])


def _messages(folder: Path, half: int) -> None:
    shutil.copyfile(_FILES / "messages.csv", folder / "messages.csv")


_WRITERS = {
    "breast-cancer": _breast_cancer,
    "digits": _digits,
    "diabetes": _diabetes,
    "hiv-trial": _hiv_trial,
    "voices": _voices,
    "messages": _messages,
}
