"""Write images, scans and signals as cameras, scanners and recorders do."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pyedflib
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SECRET = "Doe^Jane"
"""Stands in every header where a name may stand; it must turn up nowhere."""


def write_image(path: Path, values: np.ndarray, **options) -> None:
    """Write uint8 or uint16 ``(height, width)``, or uint8 ``(height, width, 3)``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)


def write_dicom(
    path: Path,
    hounsfield: np.ndarray,
    place: float | None = None,
    series: str = "1.2.3",
    **facts,
) -> FileDataset:
    """Write ``(height, width)``, or frames in front of that, as a scanner's 12 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID = SECRET, SECRET
    dataset.SeriesInstanceUID = series
    dataset.Rows, dataset.Columns = hounsfield.shape[-2:]
    if hounsfield.ndim == 3:
        dataset.NumberOfFrames = len(hounsfield)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    # Of the scanner: nothing may follow from it.
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    if place is not None:
        dataset.ImagePositionPatient = [0, 0, place]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelData = np.clip(hounsfield + 1024, 0, 4095).astype("<u2").tobytes()
    for name, value in facts.items():
        setattr(dataset, name, value)
    pydicom.dcmwrite(path, dataset)
    return dataset


def write_nifti(path: Path, values: np.ndarray, affine: np.ndarray) -> None:
    """Write ``(x, y, z)`` with the position of its voxels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def write_edf(path: Path, channels: dict[str, np.ndarray], rate: int, unit: str = "uV") -> None:
    """Write channels of ``(n,)``, as a recorder of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pyedflib.FILETYPE_BDF if path.suffix == ".bdf" else pyedflib.FILETYPE_EDFPLUS
    most = (1 << (24 if path.suffix == ".bdf" else 16) - 1) - 1
    with pyedflib.EdfWriter(str(path), len(channels), file_type=kind) as file:
        file.setPatientName(SECRET.replace("^", "_"))
        file.setSignalHeaders(
            [
                {
                    "label": label,
                    "dimension": unit,
                    "sample_frequency": rate,
                    "physical_max": 10_000,
                    "physical_min": -10_000,
                    "digital_max": most,
                    "digital_min": -most - 1,
                    "transducer": "",
                    "prefilter": "",
                }
                for label in channels
            ]
        )
        file.writeSamples(list(channels.values()))


def write_wfdb(folder: Path, name: str, channels: dict[str, np.ndarray], rate: int) -> None:
    """Write channels of ``(n,)`` in millivolts in format 16, as PhysioNet has them."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = np.round(np.stack(list(channels.values()), axis=1) * 1000).astype("<i2")
    (folder / f"{name}.dat").write_bytes(samples.tobytes())
    lines = [f"{name} {len(channels)} {rate} {len(samples)}"]
    lines += [f"{name}.dat 16 1000(0)/mV 16 0 0 0 0 {label}" for label in channels]
    lines += [f"# {SECRET}"]
    (folder / f"{name}.hea").write_text("\n".join(lines))
