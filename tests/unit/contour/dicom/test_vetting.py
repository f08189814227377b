"""What the first look at foreign bytes lets through and what it stops."""

import struct
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from contour.dicom.element_walk import WalkLimits
from contour.dicom.uids import derive_uid, is_uid
from contour.dicom.vetting import VettingLimits, vet_instance
from contour.errors import InputError

_ITEM_TAG = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)


def nested(depth: int) -> Dataset:
    dataset = Dataset()
    for _ in range(depth):
        outer = Dataset()
        outer.ContentSequence = Sequence([dataset])
        dataset = outer
    return dataset


def rewritten(data: bytes, path: Path, change: Callable[[Dataset], None], syntax: str) -> bytes:
    path.write_bytes(data)
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path.read_bytes()


def reason_of(data: bytes, **limits: VettingLimits) -> str:
    with pytest.raises(InputError) as caught:
        vet_instance(data, **limits)
    assert "SENTINEL" not in str(caught.value)
    return caught.value.reason


@pytest.fixture
def good(series: list[Path]) -> bytes:
    return series[0].read_bytes()


def test_a_good_instance_says_what_it_is(good: bytes, series: list[Path]) -> None:
    summary = vet_instance(good)
    dataset = pydicom.dcmread(series[0])
    assert summary.sop_class_uid == CTImageStorage
    assert summary.sop_instance_uid == dataset.SOPInstanceUID
    assert summary.series_instance_uid == dataset.SeriesInstanceUID
    assert summary.study_instance_uid == dataset.StudyInstanceUID
    assert summary.modality == "CT"
    assert summary.transfer_syntax_uid == ExplicitVRLittleEndian
    assert summary.size_bytes == len(good)
    assert "SENTINEL" not in repr(summary)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("explicit_length", [True, False])
def test_nesting_is_bounded_in_every_encoding(good: bytes, tmp_path: Path, syntax: str, explicit_length: bool) -> None:
    def nest(depth: int) -> Callable[[Dataset], None]:
        def change(dataset: Dataset) -> None:
            dataset.ContentSequence = nested(depth).ContentSequence
            holder = dataset
            while "ContentSequence" in holder:
                holder["ContentSequence"].is_undefined_length = not explicit_length
                holder = holder.ContentSequence[0]
                holder.is_undefined_length_sequence_item = not explicit_length

        return change

    assert vet_instance(rewritten(good, tmp_path / "x.dcm", nest(20), syntax)).modality == "CT"
    assert reason_of(rewritten(good, tmp_path / "x.dcm", nest(40), syntax)) == "NESTED_TOO_DEEP"


@pytest.mark.parametrize("levels", [20_000, 1_000_000])
def test_deep_nesting_costs_no_time(good: bytes, levels: int) -> None:
    bomb = good + (struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + _ITEM_TAG) * levels
    started = time.process_time()
    assert reason_of(bomb) == "NESTED_TOO_DEEP"
    assert time.process_time() - started < 1.0


def test_nesting_hidden_in_an_unknown_value_is_bounded(good: bytes) -> None:
    inner = struct.pack("<HHI", 0x0040, 0xA730, 0xFFFFFFFF) + _ITEM_TAG
    bomb = good + struct.pack("<HH2sHI", 0xFFFC, 0x0010, b"UN", 0, 0xFFFFFFFF) + _ITEM_TAG + inner * 20_000
    assert reason_of(bomb) == "NESTED_TOO_DEEP"


def test_the_number_of_elements_is_bounded(good: bytes) -> None:
    many = good + b"".join(struct.pack("<HH2sH", 0xFFFC, tag, b"LO", 0) for tag in range(1, 5000))
    assert vet_instance(many).modality == "CT"
    limits = VettingLimits(structure=WalkLimits(elements=3000))
    assert reason_of(many, limits=limits) == "TOO_MANY_ELEMENTS"


def test_the_size_is_bounded(good: bytes) -> None:
    assert reason_of(good, limits=VettingLimits(instance_bytes=1000)) == "INSTANCE_TOO_LARGE"


@pytest.mark.parametrize("uid", ["../../../etc/x", "1.2.3/4", "1." + "2" * 80, "1..2", "abc", "7"])
@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"])
def test_what_is_no_uid_is_refused(good: bytes, keyword: str, uid: str) -> None:
    found = good.index(pydicom.dcmread(pydicom.filebase.DicomBytesIO(good))[keyword].value.encode(), 400)
    start = good[:found].rindex(b"UI") - 4
    length = int.from_bytes(good[start + 6 : start + 8], "little")
    value = uid.encode() + b"\0" * (len(uid) % 2)
    changed = good[: start + 6] + struct.pack("<H", len(value)) + value + good[start + 8 + length :]
    assert reason_of(changed) == "BAD_UID"


def test_cutting_a_file_anywhere_never_passes_and_never_escapes(good: bytes) -> None:
    reasons = {reason_of(good[:end]) for end in range(0, len(good) - 1, 97)}
    assert reasons <= {"NOT_DICOM", "TRUNCATED_FILE", "TRUNCATED_PIXEL_DATA", "MISSING_ATTRIBUTE", "MALFORMED_DICOM"}


def test_flipping_bytes_of_the_header_ends_in_an_input_error_or_a_summary(good: bytes) -> None:
    messages = []
    for place in range(132, 1400):
        changed = bytearray(good)
        changed[place] ^= 0xFF
        try:
            messages.append(repr(vet_instance(bytes(changed))))
        except InputError as error:
            messages.append(str(error))
    assert not [message for message in messages if "SENTINEL" in message]


@pytest.mark.parametrize(
    "data", [b"", b"DICM", b"\0" * 4096, b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 99]
)
def test_what_is_no_dicom_file_is_refused(data: bytes) -> None:
    assert reason_of(data) in {"NOT_DICOM", "MISSING_ATTRIBUTE", "MALFORMED_DICOM"}


def test_zero_padding_after_the_data_set_is_harmless(good: bytes) -> None:
    assert vet_instance(good + bytes(13)).size_bytes == len(good) + 13


def test_derived_uids_are_uids_and_replay() -> None:
    assert is_uid(derive_uid("seed", "a"))
    assert derive_uid("seed", "a") == derive_uid("seed", "a") != derive_uid("seed", "b")
