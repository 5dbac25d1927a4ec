"""Images, scans and volumes become tensors of the public shape, in the values of their files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from tests.media import write_dicom, write_image, write_nifti
from workbench.domain.datasets.media.decoding import decoded
from workbench.domain.datasets.media.wanted import Wanted
from workbench.errors import InvalidData

RANDOM = np.random.default_rng(1)
GRAY = RANDOM.integers(0, 256, (12, 18), dtype=np.uint8)
COLOR = RANDOM.integers(0, 256, (12, 18, 3), dtype=np.uint8)
HOUNSFIELD = RANDOM.integers(-1000, 2000, (12, 18))


def picture(folder, name, *shape):
    return decoded(folder, name, Wanted(shape))


class TestImages:
    @pytest.mark.parametrize("name", ["a.png", "a.tif", "no-ending", "wrong.dcm"])
    def test_values_are_those_of_the_file_whatever_its_name(self, name, tmp_path):
        write_image(tmp_path / name, GRAY, format="TIFF" if name == "a.tif" else "PNG")
        assert np.array_equal(picture(tmp_path, name, 1, 12, 18)[0], GRAY)

    def test_sixteen_bits_stay(self, tmp_path):
        deep = GRAY.astype(np.uint16) * 200
        write_image(tmp_path / "a.png", deep)
        write_image(tmp_path / "a.tif", deep)
        for name in ("a.png", "a.tif"):
            assert np.array_equal(picture(tmp_path, name, 1, 12, 18)[0], deep)

    def test_numbers_with_fractions_stay(self, tmp_path):
        write_image(tmp_path / "a.tif", GRAY.astype(np.float32) / 7)
        assert np.allclose(picture(tmp_path, "a.tif", 1, 12, 18)[0], GRAY / 7)

    def test_channels_are_those_of_the_shape(self, tmp_path):
        write_image(tmp_path / "color.png", COLOR)
        write_image(tmp_path / "gray.png", GRAY)
        color = picture(tmp_path, "color.png", 3, 12, 18)
        assert np.array_equal(color, np.moveaxis(COLOR, -1, 0))
        light = picture(tmp_path, "color.png", 1, 12, 18)[0]
        assert np.abs(light - COLOR @ [0.299, 0.587, 0.114]).max() <= 1
        assert np.array_equal(picture(tmp_path, "gray.png", 3, 12, 18), np.stack([GRAY] * 3))

    def test_a_palette_is_seen_as_its_colors(self, tmp_path):
        Image.fromarray(np.uint8([[[255, 0, 0]] * 4] * 4)).quantize(4).save(tmp_path / "a.png")
        found = picture(tmp_path, "a.png", 3, 4, 4)
        assert found[:, 0, 0].tolist() == [255, 0, 0]

    def test_a_photograph_is_turned_as_its_camera_says(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        write_image(tmp_path / "a.jpg", np.tile(np.uint8([0, 128]), (16, 8)), exif=exif)
        write_image(tmp_path / "b.png", GRAY, exif=exif)
        assert np.array_equal(picture(tmp_path, "b.png", 1, 18, 12)[0], np.rot90(GRAY, -1))
        assert picture(tmp_path, "a.jpg", 1, 16, 16).shape == (1, 16, 16)

    def test_pages_are_the_depth_of_a_volume(self, tmp_path):
        pages = [Image.fromarray(np.full((4, 4), n, np.uint8)) for n in (5, 6, 7)]
        pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
        assert picture(tmp_path, "a.tif", 1, 3, 4, 4)[0, :, 0, 0].tolist() == [5, 6, 7]
        with pytest.raises(InvalidData, match="several pictures"):
            picture(tmp_path, "a.tif", 1, 4, 4)


class TestSizes:
    def test_a_picture_shrinks_to_means(self, tmp_path):
        write_image(tmp_path / "a.png", GRAY)
        means = GRAY.reshape(6, 2, 9, 2).mean((1, 3))
        assert np.allclose(picture(tmp_path, "a.png", 1, 6, 9)[0], means, atol=1e-3)

    def test_a_picture_grows_between_its_points(self, tmp_path):
        write_image(tmp_path / "a.png", np.uint8([[0, 100]]))
        found = picture(tmp_path, "a.png", 1, 3, 4)[0]
        assert np.allclose(found, [[0, 25, 75, 100]] * 3)

    def test_one_side_may_shrink_while_another_grows(self, tmp_path):
        write_image(tmp_path / "a.png", np.uint8([[0, 20, 40, 60]]))
        found = picture(tmp_path, "a.png", 1, 2, 2)[0]
        assert np.allclose(found, [[10, 50]] * 2)


class TestDicom:
    def test_pixels_are_in_hounsfield_units_and_the_scanners_window_is_not_used(self, tmp_path):
        write_dicom(tmp_path / "a.dcm", HOUNSFIELD)
        assert np.array_equal(picture(tmp_path, "a.dcm", 1, 12, 18)[0], HOUNSFIELD)

    def test_slices_of_a_folder_go_by_their_position_and_not_by_their_names(self, tmp_path):
        for name, place in (("1", 30.0), ("2", -10.0), ("3", 20.0)):
            write_dicom(tmp_path / "p" / name, np.full((4, 4), int(place)), place)
        (tmp_path / "p" / "DICOMDIR").write_bytes(b"")
        assert picture(tmp_path, "p", 1, 3, 4, 4)[0, :, 0, 0].tolist() == [-10, 20, 30]

    def test_slices_without_a_position_go_by_their_number(self, tmp_path):
        for name, number in (("1", 9), ("2", 10), ("3", 2)):
            write_dicom(tmp_path / "p" / name, np.full((4, 4), number), InstanceNumber=number)
        assert picture(tmp_path, "p", 1, 3, 4, 4)[0, :, 0, 0].tolist() == [2, 9, 10]

    @pytest.mark.parametrize(
        ("second", "told"),
        [
            ({"place": 1.0, "series": "9.9"}, "more than one series"),
            ({"place": 0.0}, "order of its slices"),
            ({}, "order of its slices"),
        ],
    )
    def test_slices_that_are_no_volume_are_refused(self, second, told, tmp_path):
        write_dicom(tmp_path / "p" / "1", np.zeros((4, 4)), place=0.0)
        write_dicom(tmp_path / "p" / "2", np.zeros((4, 4)), **second)
        with pytest.raises(InvalidData, match=told):
            picture(tmp_path, "p", 1, 2, 4, 4)

    def test_a_folder_with_one_slice_is_an_image(self, tmp_path):
        write_dicom(tmp_path / "p" / "1", HOUNSFIELD)
        assert np.array_equal(picture(tmp_path, "p", 1, 12, 18)[0], HOUNSFIELD)

    def test_frames_of_one_file_are_a_volume(self, tmp_path):
        frames = RANDOM.integers(-1000, 2000, (3, 4, 5))
        write_dicom(tmp_path / "a.dcm", frames)
        assert np.array_equal(picture(tmp_path, "a.dcm", 1, 3, 4, 5)[0], frames)

    def test_frames_with_positions_and_units_of_their_own_are_put_in_order(self, tmp_path):
        groups = []
        for place, intercept in ((7.0, -1000), (3.0, -2000)):
            position, units, group = Dataset(), Dataset(), Dataset()
            position.ImagePositionPatient = [0, 0, place]
            units.RescaleIntercept, units.RescaleSlope = intercept, 2
            group.PlanePositionSequence = Sequence([position])
            group.PixelValueTransformationSequence = Sequence([units])
            groups.append(group)
        turned, shared = Dataset(), Dataset()
        turned.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        shared.PlaneOrientationSequence = Sequence([turned])
        write_dicom(
            tmp_path / "a.dcm",
            np.stack([np.full((4, 4), -1024 + n) for n in (10, 20)]),
            PerFrameFunctionalGroupsSequence=Sequence(groups),
            SharedFunctionalGroupsSequence=Sequence([shared]),
        )
        found = picture(tmp_path, "a.dcm", 1, 2, 4, 4)
        assert found[0, :, 0, 0].tolist() == [20 * 2 - 2000, 10 * 2 - 1000]

    def test_dark_is_low_in_files_that_have_it_the_other_way_round(self, tmp_path):
        facts = {"PhotometricInterpretation": "MONOCHROME1", "RescaleIntercept": 0}
        write_dicom(tmp_path / "a.dcm", HOUNSFIELD, **facts)
        assert np.array_equal(picture(tmp_path, "a.dcm", 1, 12, 18)[0], 3071 - HOUNSFIELD)

    def test_compressed_pixels_are_read_or_refused(self, tmp_path):
        dataset = write_dicom(tmp_path / "a.dcm", HOUNSFIELD)
        dataset.compress(RLELossless)
        dataset.save_as(tmp_path / "rle.dcm")
        assert np.array_equal(picture(tmp_path, "rle.dcm", 1, 12, 18)[0], HOUNSFIELD)
        dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        dataset.save_as(tmp_path / "lossless.dcm")
        with pytest.raises(InvalidData, match="compressed in a way that is not read"):
            picture(tmp_path, "lossless.dcm", 1, 12, 18)

    def test_color_is_read_as_color_or_gray_also_from_jpeg(self, tmp_path):
        """As ultrasound has it."""
        facts = {"SamplesPerPixel": 3, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
        facts |= {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
        facts |= {"RescaleIntercept": 0, "PixelData": COLOR.tobytes()}
        dataset = write_dicom(tmp_path / "a.dcm", np.zeros((12, 18)), **facts)
        expected = np.moveaxis(COLOR.astype(float), -1, 0)
        assert np.array_equal(picture(tmp_path, "a.dcm", 3, 12, 18), expected)
        gray = picture(tmp_path, "a.dcm", 1, 12, 18)
        assert np.allclose(gray, expected.mean(0, keepdims=True), atol=1e-3)
        packed = io.BytesIO()
        Image.fromarray(np.full((12, 18, 3), (200, 100, 0), np.uint8)).save(packed, "JPEG")
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.PhotometricInterpretation = "YBR_FULL_422"
        dataset.PixelData = encapsulate([packed.getvalue()])
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(tmp_path / "b.dcm")
        found = picture(tmp_path, "b.dcm", 3, 12, 18)
        assert np.abs(found.mean((1, 2)) - [200, 100, 0]).max() < 4

    def test_a_file_that_would_be_unpacked_as_a_whole_is_refused(self, tmp_path):
        dataset = write_dicom(tmp_path / "a.dcm", HOUNSFIELD)
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(tmp_path / "a.dcm")
        with pytest.raises(InvalidData, match="compressed in a way that is not read"):
            picture(tmp_path, "a.dcm", 1, 12, 18)


class TestNifti:
    VALUES = RANDOM.integers(-500, 500, (3, 4, 5)).astype(np.int16)

    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
    def test_a_volume_goes_from_feet_to_head_and_front_to_back(self, name, tmp_path):
        """x and y of NIfTI go to the right ear and to the nose."""
        write_nifti(tmp_path / name, self.VALUES, np.diag([2.0, 2.0, 3.0, 1.0]))
        found = picture(tmp_path, name, 1, 5, 4, 3)
        assert np.array_equal(found[0], self.VALUES.transpose(2, 1, 0)[:, ::-1, ::-1])

    def test_axes_in_another_order_give_the_same_volume(self, tmp_path):
        write_nifti(tmp_path / "a.nii", self.VALUES, np.diag([1.0, 1.0, 1.0, 1.0]))
        other = np.zeros((4, 4))
        other[2, 0] = other[1, 1] = other[3, 3] = 1.0
        other[0, 2] = -1.0
        write_nifti(tmp_path / "b.nii", self.VALUES.transpose(2, 1, 0)[:, :, ::-1], other)
        shape = (1, 5, 4, 3)
        assert np.array_equal(
            picture(tmp_path, "a.nii", *shape), picture(tmp_path, "b.nii", *shape)
        )

    def test_a_fourth_axis_is_that_of_channels(self, tmp_path):
        values = np.stack([self.VALUES] * 3, axis=-1)
        write_nifti(tmp_path / "a.nii", values, np.diag([-1.0, -1.0, 1.0, 1.0]))
        assert picture(tmp_path, "a.nii", 3, 5, 4, 3).shape == (3, 5, 4, 3)
        with pytest.raises(InvalidData, match="another number of channels than 1"):
            picture(tmp_path, "a.nii", 1, 5, 4, 3)


def test_arrays_of_numpy_are_taken_with_or_without_channels(tmp_path):
    np.save(tmp_path / "a.npy", GRAY)
    np.save(tmp_path / "b.npy", GRAY[None])
    for name in ("a.npy", "b.npy"):
        assert np.array_equal(picture(tmp_path, name, 1, 12, 18)[0], GRAY)
