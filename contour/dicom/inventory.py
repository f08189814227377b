"""What lies in a folder or an upload: CT series told apart, everything else set aside by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)

from contour.dicom.instance_findings import about_instance, names
from contour.dicom.instances import FileInstance, InstanceSource
from contour.dicom.slice_header import (
    SLICE_TAGS,
    SliceHeader,
    frame_count,
    head_checksum,
    image_type,
    is_placed,
    parse_slice_header,
)
from contour.dicom.uids import is_uid, uid_name
from contour.dicom.vetting import DEFAULT_LIMITS, ExaminedInstance, examine_instance, is_part_10
from contour.errors import Finding, InputError

_ENHANCED = frozenset((EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage))
_SLICES = frozenset((CTImageStorage, MRImageStorage, PositronEmissionTomographyImageStorage))
_HEAD_BYTES = 132
_MOST_FILES = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSeries:
    """One CT series: its slices, and what is wrong with those of its instances that could not be read."""

    series_instance_uid: str
    headers: tuple[SliceHeader, ...] = field(repr=False)
    problems: tuple[Finding, ...] = ()

    @property
    def instances(self) -> int:
        """Readable and unreadable ones together."""
        return len(self.headers) + len(self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All that was found, in the order it was found.

    `set_aside` names what is no CT slice, one finding per reason; `problems` are broken DICOM files that may or may
    not belong to one of the series.
    """

    series: tuple[FoundSeries, ...]
    set_aside: tuple[Finding, ...]
    problems: tuple[Finding, ...]
    instances: int


def scan_instances(paths: Iterable[Path]) -> Inventory:
    """The inventory of files; folders among the paths are searched through, links to folders not followed.

    Raises:
        InputError: NO_SUCH_FOLDER, UNREADABLE_FILE, or TOO_MANY_FILES above 50,000.
    """
    scan = _Scan()
    for path in _files(paths):
        try:
            kept = _looks_like_dicom(path, scan)
        except OSError:
            raise InputError(f"file {path.name} cannot be read", reason="UNREADABLE_FILE") from None
        if kept:
            scan.add(FileInstance(path))
    return scan.inventory()


def scan_sources(sources: Sequence[InstanceSource]) -> Inventory:
    """The inventory of instances from anywhere; each is read once, and let go before the next."""
    scan = _Scan()
    for source in sources:
        scan.add(source)
    return scan.inventory()


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"no such file or folder: {path.name}", reason="NO_SUCH_FOLDER")
        if not path.is_dir():
            found.append(path)
            continue
        for folder, _, files in os.walk(path, onerror=_stop_at_unreadable_folder):
            found += (Path(folder, name) for name in files)
            if len(found) > _MOST_FILES:
                raise InputError(f"more than {_MOST_FILES} files", reason="TOO_MANY_FILES")
    return sorted(found)


def _stop_at_unreadable_folder(error: OSError) -> None:
    raise InputError("a folder cannot be read", reason="UNREADABLE_FILE") from error


def _looks_like_dicom(path: Path, scan: _Scan) -> bool:
    """Whether to read it whole; a pipe or device is never opened, a huge file never loaded."""
    scan.instances += 1
    if not path.is_file():
        scan.set_aside("NOT_DICOM", "no DICOM file", path.name)
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not is_part_10(head):
        scan.set_aside("NOT_DICOM", "no DICOM file", path.name)
        return False
    if path.stat().st_size > DEFAULT_LIMITS.instance_bytes:
        scan.set_aside("INSTANCE_TOO_LARGE", f"larger than {DEFAULT_LIMITS.instance_bytes} bytes", path.name)
        return False
    scan.instances -= 1
    return True


class _Scan:
    """An inventory while it is made."""

    def __init__(self) -> None:
        self.instances = 0
        self._headers: dict[str, list[SliceHeader]] = {}
        self._broken: dict[str, list[Finding]] = {}
        self._aside: dict[tuple[str, str], list[str]] = {}
        self._problems: list[Finding] = []
        self._foreign: list[tuple[str, tuple[str, str], str]] = []

    def add(self, source: InstanceSource) -> None:
        self.instances += 1
        try:
            data = source.read_bytes()
        except OSError:
            raise InputError(f"{source.label} cannot be read", reason="UNREADABLE_FILE") from None
        examined = examine_instance(data, wanted=SLICE_TAGS)
        series_uid = examined.summary.series_instance_uid
        why_aside = _why_set_aside(examined)
        if why_aside is not None and why_aside[0] == "NOT_CT" and _is_slice(examined):
            self._foreign.append((series_uid, why_aside, source.label))
        elif why_aside is not None:
            self.set_aside(*why_aside, source.label)
        elif examined.problem is not None:
            known = examined.summary.sop_class_uid and "SeriesInstanceUID" not in examined.summary.derived_uids
            self._add_problem(series_uid if known else "", examined.problem, source.label)
        else:
            try:
                header = self._header(examined, source, data)
            except InputError as error:
                self._add_problem(series_uid, Finding(reason=error.reason, message=error.message), source.label)
            else:
                self._headers.setdefault(series_uid, []).append(header)

    def set_aside(self, reason: str, what: str, label: str) -> None:
        self._aside.setdefault((reason, what), []).append(label)

    def inventory(self) -> Inventory:
        """What was added; a slice of another class or modality is a fault of the CT series that it claims to be in."""
        for series_uid, (reason, what), label in self._foreign:
            if series_uid in self._headers:
                problem = Finding(reason=reason, message=f"{what} among the slices of a CT series")
                self._add_problem(series_uid, problem, label)
            else:
                self.set_aside(reason, what, label)
        uids = list(dict.fromkeys((*self._headers, *self._broken)))
        series = tuple(
            FoundSeries(
                series_instance_uid=uid,
                headers=tuple(self._headers.get(uid, ())),
                problems=tuple(self._broken.get(uid, ())),
            )
            for uid in uids
        )
        aside = tuple(_aside_finding(reason, what, labels) for (reason, what), labels in self._aside.items())
        return Inventory(series=series, set_aside=aside, problems=tuple(self._problems), instances=self.instances)

    def _header(self, examined: ExaminedInstance, source: InstanceSource, data: bytes) -> SliceHeader:
        if frame_count(examined) > 1:
            raise InputError("several frames in one CT image", reason="UNSUPPORTED_PIXEL_FORMAT")
        deflated = examined.summary.transfer_syntax_uid == DeflatedExplicitVRLittleEndian
        return parse_slice_header(examined, source, head_checksum(data, examined.pixels, deflated=deflated))

    def _add_problem(self, series_uid: str, problem: Finding, label: str) -> None:
        named = about_instance(label, problem.reason, problem.message, problem.measured)
        (self._broken.setdefault(series_uid, []) if series_uid else self._problems).append(named)


def _is_slice(examined: ExaminedInstance) -> bool:
    return examined.summary.sop_class_uid in _SLICES and is_placed(examined)


def _why_set_aside(examined: ExaminedInstance) -> tuple[str, str] | None:
    """(reason, what it is) for an instance that is no slice of a CT series; None for a slice, broken or not."""
    summary = examined.summary
    if not is_uid(summary.sop_class_uid):
        foreign = examined.problem is not None and examined.problem.reason == "NOT_DICOM"
        return ("NOT_DICOM", "no DICOM file") if foreign else None
    if summary.sop_class_uid in _ENHANCED:
        return "ENHANCED_CT", "multi-frame Enhanced CT, which is not read: convert it to CT Image Storage"
    if summary.sop_class_uid != CTImageStorage:
        return "NOT_CT", uid_name(summary.sop_class_uid)
    if summary.modality != "CT" and (examined.problem is None or summary.modality):
        return "NOT_CT", f"CT Image Storage of modality {summary.modality or 'none'}"
    if "LOCALIZER" in image_type(examined):
        return "LOCALIZER", "localiser"
    return None


def _aside_finding(reason: str, what: str, labels: list[str]) -> Finding:
    named = names(labels)
    return Finding(
        reason=reason,
        message=f"set aside {len(labels)} ({what}): {named}",
        measured=(("what", what), ("count", str(len(labels))), ("instances", named)),
    )
