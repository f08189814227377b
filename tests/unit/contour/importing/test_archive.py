"""Archives of every format that is taken, and every hostile one that is not."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from contour.errors import CancelledError, ModelError
from contour.importing.archive import ArchiveLimits, unpack

FILES = {"model/plans.json": b"{}", "model/fold_0/checkpoint_final.pth": bytes(range(256)) * 5_000, "empty": b""}
SMALL = ArchiveLimits(entries=10, total_bytes=10_000_000, growth=5, small_bytes=100_000)


def zipped(path: Path, files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda entry: None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.filename = name
            entry.compress_type = zipfile.ZIP_DEFLATED
            change(entry)
            archive.writestr(entry, content)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w", **changes: object) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for key, value in changes.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO(content) if entry.isreg() else None)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(archive: Path, reason: str, limits: ArchiveLimits = SMALL) -> str:
    """The message; nothing is left, inside the folder or outside."""
    before = set(archive.parent.rglob("*"))
    into = archive.parent / "into"
    with pytest.raises(ModelError) as caught:
        unpack(archive, into, limits=limits)
    assert caught.value.reason == reason, caught.value
    assert "\n" not in str(caught.value)
    assert set(archive.parent.rglob("*")) == before
    return caught.value.message


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
@pytest.mark.parametrize("name", ["a", "a.zip"])
def test_a_tar_file_is_known_by_its_content_not_by_its_name(tmp_path, mode, name):
    unpack(tarred(tmp_path / name, FILES, mode), tmp_path / "into")
    assert contents(tmp_path / "into") == FILES


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_every_tar_dialect_with_folders_and_long_names_is_unpacked(tmp_path, form):
    long = "a" * 90 + "/" + "b" * 90
    with tarfile.open(tmp_path / "a.tar", "w", format=form) as archive:
        for folder in ("./", "./model/"):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        for name in (f"./model/{long}", "model/exact"):
            entry = tarfile.TarInfo(name)
            entry.size = 1024
            archive.addfile(entry, io.BytesIO(bytes(1024)))
    unpack(tmp_path / "a.tar", tmp_path / "into")
    assert set(contents(tmp_path / "into")) == {f"model/{long}", "model/exact"}


def test_a_zip_file_is_unpacked_and_says_how_far_it_is(tmp_path):
    seen: list[int] = []
    unpack(zipped(tmp_path / "a.tar.gz", {**FILES, "folder/": b""}), tmp_path / "into", on_bytes=seen.append)
    assert contents(tmp_path / "into") == FILES
    assert (tmp_path / "into" / "folder").is_dir()
    assert seen[-1] == sum(len(content) for content in FILES.values())


def test_what_is_unpacked_runs_nothing_and_belongs_to_the_user(tmp_path):
    unpack(tarred(tmp_path / "a.tar", {"run.sh": b"#!/bin/sh"}, mode="w", uid=0), tmp_path / "into")
    assert not (tmp_path / "into" / "run.sh").stat().st_mode & stat.S_IXUSR


HOSTILE = [
    "/etc/passwd", "../outside", "model/../../outside", "C:/Windows/x", "c:x", "model\\..\\..\\outside",
    "\\\\host\\share", "..", "model/a\nb", "model/a\x1b[2J", "a" * 300, "/".join(["a" * 200] * 12), "//host/share",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_elsewhere_is_refused_in_a_zip(tmp_path, name):
    refused(zipped(tmp_path / "a.zip", {"first": b"1", name: b"2"}), "UNSAFE_ARCHIVE")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_elsewhere_is_refused_in_a_tar(tmp_path, name):
    refused(tarred(tmp_path / "a.tar", {"first": b"1", name: b"2"}), "UNSAFE_ARCHIVE")


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path):
    refused(tarred(tmp_path / "a.tar", {"../outside": b""}, type=tarfile.DIRTYPE), "UNSAFE_ARCHIVE")
    refused(zipped(tmp_path / "a.zip", {"../outside/": b""}), "UNSAFE_ARCHIVE")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "link"), (tarfile.CHRTYPE, "device"), (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "device"),
    ],
)  # fmt: skip
def test_links_and_devices_are_refused_in_a_tar(tmp_path, kind, word):
    archive = tarred(tmp_path / "a.tar", {"plans.json": b""}, type=kind, linkname="../../secret")
    assert word in refused(archive, "UNSAFE_ARCHIVE")


@pytest.mark.parametrize(("kind", "word"), [(stat.S_IFLNK, "link"), (stat.S_IFCHR, "device"), (stat.S_IFIFO, "device")])
def test_links_and_devices_are_refused_in_a_zip(tmp_path, kind, word):
    def change(entry: zipfile.ZipInfo) -> None:
        entry.external_attr = (kind | 0o644) << 16

    assert word in refused(zipped(tmp_path / "a.zip", {"plans.json": b"/etc/passwd"}, change), "UNSAFE_ARCHIVE")


def test_a_name_that_comes_twice_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in ("model/plans.json", "model/./PLANS.json"):
            archive.addfile(tarfile.TarInfo(name))
    assert "twice" in refused(tmp_path / "a.tar", "UNSAFE_ARCHIVE")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("plans.json", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("plans.json", "2")
    assert "twice" in refused(tmp_path / "a.zip", "UNSAFE_ARCHIVE")


def test_a_file_that_is_a_folder_too_is_refused(tmp_path):
    refused(tarred(tmp_path / "a.tar", {"a": b"1", "a/b": b"2"}), "UNSAFE_ARCHIVE")
    refused(zipped(tmp_path / "a.zip", {"a/b": b"1", "a": b"2"}), "UNSAFE_ARCHIVE")


def test_an_encrypted_zip_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"plans.json": b"{}"})
    data = bytearray(path.read_bytes())
    for marker, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(marker) + offset] |= 1
    path.write_bytes(data)
    assert "encrypted" in refused(path, "UNSAFE_ARCHIVE")


def test_more_entries_than_allowed_are_refused(tmp_path):
    many = {f"file{number}": b"" for number in range(SMALL.entries + 1)}
    refused(tarred(tmp_path / "a.tar", many), "ARCHIVE_TOO_LARGE")
    refused(zipped(tmp_path / "a.zip", many), "ARCHIVE_TOO_LARGE")


def test_more_bytes_than_allowed_are_refused(tmp_path):
    noise = {"weights": bytes(range(256)) * 400}
    limits = ArchiveLimits(entries=10, total_bytes=100_000)
    refused(tarred(tmp_path / "a.tar", noise), "ARCHIVE_TOO_LARGE", limits)
    refused(zipped(tmp_path / "a.zip", noise), "ARCHIVE_TOO_LARGE", limits)


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
def test_a_bomb_is_stopped_while_it_is_written(tmp_path, mode):
    bomb = {"weights": bytes(20_000_000)}
    refused(tarred(tmp_path / "a.tar", bomb, mode), "ARCHIVE_TOO_LARGE")
    refused(zipped(tmp_path / "a.zip", bomb), "ARCHIVE_TOO_LARGE")


def test_a_bomb_in_what_is_skipped_is_stopped_too(tmp_path):
    """A header that claims a huge extended header, and padding without end."""
    entry = tarfile.TarInfo("pax")
    entry.type, entry.size = tarfile.XHDTYPE, 10**12
    (tmp_path / "a.tar").write_bytes(gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(9_000_000)))
    refused(tmp_path / "a.tar", "BAD_ARCHIVE")


def test_a_bomb_of_headers_is_stopped_too(tmp_path):
    entry = tarfile.TarInfo("pax")
    entry.type, entry.size = tarfile.XHDTYPE, 3_000_000
    header = entry.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "a.tar").write_bytes(lzma.compress((header + bytes(3_000_832)) * 8, preset=0))
    refused(tmp_path / "a.tar", "ARCHIVE_TOO_LARGE")


def test_a_size_that_a_zip_lies_about_is_noticed(tmp_path):
    path = zipped(tmp_path / "a.zip", {"weights": b"weights" * 1000})
    data = bytearray(path.read_bytes())
    for marker, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(marker) + offset, 10)
    path.write_bytes(data)
    refused(path, "BAD_ARCHIVE")


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "zip"])
def test_an_archive_cut_short_is_refused(tmp_path, mode, keep):
    noisy = {f"part{number}": random.Random(number).randbytes(90_000) for number in range(4)}
    path = tmp_path / "a"
    whole = (zipped(path, noisy) if mode == "zip" else tarred(path, noisy, mode)).read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    refused(path, "BAD_ARCHIVE")


def test_a_tar_that_ends_between_two_files_is_refused(tmp_path):
    path = tarred(tmp_path / "a.tar", {"first": bytes(512), "second": bytes(512)})
    path.write_bytes(path.read_bytes()[:1024])
    refused(path, "BAD_ARCHIVE")


def test_a_damaged_zip_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"weights": random.Random(1).randbytes(90_000)})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    refused(path, "BAD_ARCHIVE")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04 and no more", b"\x1f\x8b\x08nothing", b"7z\xbc\xaf\x27\x1c"]
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    refused(tmp_path / "a", "BAD_ARCHIVE")


def test_other_compression_in_a_zip_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("plans.json", "{}")
    assert "method 14" in refused(tmp_path / "a.zip", "BAD_ARCHIVE")


def test_a_folder_that_is_there_already_is_left_alone(tmp_path):
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "mine").write_text("mine")
    with pytest.raises(ModelError, match="UNPACK_FAILED"):
        unpack(zipped(tmp_path / "a.zip", FILES), tmp_path / "into")
    assert contents(tmp_path / "into") == {"mine": b"mine"}


def test_whoever_stops_the_unpacking_leaves_nothing_behind(tmp_path):
    def stop(written: int) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        unpack(zipped(tmp_path / "a.zip", FILES), tmp_path / "into", on_bytes=stop)
    assert not (tmp_path / "into").exists()
