"""stub replaced next"""

from __future__ import annotations
from pathlib import Path
from workbench.space.studies.record import StudyRecord


def write_report(folder: Path, record: StudyRecord) -> None:
    pass
