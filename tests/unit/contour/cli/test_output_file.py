"""The result is written whole or not at all, and never over somebody else's file."""

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, RTStructureSetStorage

from contour.cli.output_file import refuse_to_replace, refuse_to_replace_picture, write_whole
from contour.errors import InputError


def write_dicom(path, sop_class_uid, approval):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = "1.2.3"
    dataset.ApprovalStatus = approval
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_a_new_path_and_an_unapproved_rtstruct_may_be_written(tmp_path):
    refuse_to_replace(tmp_path / "new.dcm")
    refuse_to_replace(write_dicom(tmp_path / "old.dcm", RTStructureSetStorage, "UNAPPROVED"))


@pytest.mark.parametrize(
    ("sop_class_uid", "approval", "said"),
    [(RTStructureSetStorage, "APPROVED", "approved structure set"), (CTImageStorage, "", "another DICOM object")],
)
def test_an_approved_rtstruct_and_another_object_stay(tmp_path, sop_class_uid, approval, said):
    path = write_dicom(tmp_path / "kept.dcm", sop_class_uid, approval)
    with pytest.raises(InputError, match=said) as caught:
        refuse_to_replace(path)
    assert caught.value.reason == "OUTPUT_EXISTS"


def test_a_file_that_is_not_dicom_stays(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("to whom it may concern")
    with pytest.raises(InputError, match="not DICOM"):
        refuse_to_replace(path)


def test_a_preview_replaces_a_png_and_nothing_else(tmp_path):
    refuse_to_replace_picture(tmp_path / "new.png")
    picture = tmp_path / "old.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n...")
    refuse_to_replace_picture(picture)
    with pytest.raises(InputError, match="no PNG"):
        refuse_to_replace_picture(write_dicom(tmp_path / "slice.dcm", CTImageStorage, ""))


def test_an_earlier_file_is_replaced_in_one_step_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "RS.dcm"
    path.write_bytes(b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["RS.dcm"]


def test_a_disk_that_says_no_leaves_the_earlier_file_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / "RS.dcm"
    path.write_bytes(b"old")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["RS.dcm"]
