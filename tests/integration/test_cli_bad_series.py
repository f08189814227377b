"""A bad series ends with exit 1, one line with the reason, and no output file: through the real command line.

Each is made from one good series. The commands must not get as far as importing torch, which keeps this quick.
"""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from contour.phantom import PhantomSettings, write_phantom

SLICES = 14
SETTINGS = PhantomSettings(shape_zyx=(SLICES, 96, 80), spacing_zyx_mm=(5.0, 3.0, 4.0), noise_hu=0.0)


@pytest.fixture(scope="module")
def good_series(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("good"), 7, SETTINGS).ct_folder


def contour(*arguments):
    """The command as a user types it; importing torch would end it."""
    program = "import sys; sys.modules['torch'] = None; from contour.cli import main; main(sys.argv[1:])"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )


def files_of(folder):
    return sorted(folder.iterdir())


def change(path, edit):
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path, enforce_file_format=True)


def two_slices_missing(folder):
    for path in files_of(folder)[5:7]:
        path.unlink()


def a_slice_twice(folder):
    copy = folder / "again.dcm"
    shutil.copyfile(files_of(folder)[4], copy)

    def renamed(dataset):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{dataset.SOPInstanceUID}.1"[-60:]

    change(copy, renamed)


def two_frames_of_reference(folder):
    for path in files_of(folder)[8:]:
        change(path, lambda dataset: setattr(dataset, "FrameOfReferenceUID", "2.25.999"))


def mr_instead_of_ct(folder):
    def magnetic(dataset):
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        dataset.Modality = "MR"

    for path in files_of(folder):
        change(path, magnetic)


def a_truncated_file(folder):
    path = files_of(folder)[3]
    path.write_bytes(path.read_bytes()[:-2000])


def one_slice(folder):
    for path in files_of(folder)[1:]:
        path.unlink()


def an_empty_folder(folder):
    for path in files_of(folder):
        path.unlink()


def text_files(folder):
    for path in files_of(folder):
        path.write_text("Dear colleague, please find enclosed the planning CT.\n" * 20)


def a_tilted_gantry(folder):
    """12 degrees: each slice lies further back than the one below it."""

    def sheared(dataset):
        x, y, z = map(float, dataset.ImagePositionPatient)
        dataset.ImagePositionPatient = [x, round(y + z * np.tan(np.radians(12.0)), 3), z]

    for path in files_of(folder):
        change(path, sheared)


def nested_sequences_appended(folder):
    """20,000 sequences of undefined length, one inside the other, behind the pixels (explicit VR)."""
    path = files_of(folder)[6]
    sequence = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    path.write_bytes(path.read_bytes() + (sequence + item) * 20_000)


def two_series(folder):
    for path in files_of(folder)[7:]:
        change(path, lambda dataset: setattr(dataset, "SeriesInstanceUID", "2.25.777"))


BAD = [
    (two_slices_missing, "MISSING_SLICE"),
    (a_slice_twice, "DUPLICATE_SLICE"),
    (two_frames_of_reference, "MIXED_FRAMES_OF_REFERENCE"),
    (mr_instead_of_ct, "NOT_CT"),
    (a_truncated_file, "TRUNCATED_PIXEL_DATA"),
    (one_slice, "TOO_FEW_SLICES"),
    (an_empty_folder, "EMPTY_FOLDER"),
    (text_files, "NO_DICOM"),
    (a_tilted_gantry, "GANTRY_TILT"),
    (nested_sequences_appended, "NESTED_TOO_DEEP"),
    (two_series, "MULTIPLE_SERIES"),
]


@pytest.mark.parametrize(("spoil", "reason"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_a_bad_series_gives_exit_1_one_line_and_no_file(good_series, tmp_path, spoil, reason):
    series, out = tmp_path / "ct", tmp_path / "out"
    shutil.copytree(good_series, series)
    out.mkdir()
    spoil(series)
    done = contour("plan", series, "--out", out / "RS.dcm", "--preview", out / "preview.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"contour: {reason}: ")
    assert len(done.stderr.splitlines()) == 1
    assert list(out.iterdir()) == []


def test_the_reason_comes_with_what_was_found(good_series, tmp_path):
    series = tmp_path / "ct"
    shutil.copytree(good_series, series)
    two_slices_missing(series)
    done = contour("plan", series, "--out", tmp_path / "RS.dcm")
    first = float(pydicom.dcmread(files_of(good_series)[5]).ImagePositionPatient[2])
    assert f"{first:.2f}" in done.stderr
    assert f"{first + 5.0:.2f}" in done.stderr


def test_nothing_of_the_patient_is_in_the_message(good_series, tmp_path):
    series = tmp_path / "ct"
    shutil.copytree(good_series, series)

    def planted(dataset):
        dataset.PatientName, dataset.PatientID = "SENTINEL^NAME", "SENTINEL-ID"

    for path in files_of(series):
        change(path, planted)
    two_slices_missing(series)
    done = contour("plan", series, "--out", tmp_path / "RS.dcm")
    assert done.returncode == 1
    assert "SENTINEL" not in done.stderr + done.stdout
