"""The first walk: a planning CT goes in, a model or a protocol contours it, a proven structure set comes out."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pydicom

from contour.anatomy.names import tg263_name
from contour.anatomy.structures import Removal, Structure
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_verification import StructureCheck, verify_rtstruct
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct
from contour.errors import Finding, InputError, NotFoundError
from contour.jobs.contourers import Contourer
from contour.progress import Progress, no_progress
from contour.segmentation import Segmentation

STRUCTURE_SET_LABEL = "CONTOUR AUTO"
"""Structure Set Label, SH: at most 16 characters."""
_DESCRIPTION_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureRow:
    """One line of the table that ends a job.

    `seconds` is the time that went into this structure alone: bringing it back to the CT's grid and cleaning it up.
    What all structures share (the network, writing, verifying) is in the stages. `predicted_dice` is the calibrated
    confidence, None where the model cannot tell. A `proposal` is a target drawn from the CT alone; `look_of` names the
    target whose must-look region this is, empty for a contour.
    """

    name: str
    volume_ml: float
    slices: int
    seconds: float
    predicted_dice: float | None = None
    proposal: bool = False
    look_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureRemovals:
    """What clean-up took away from one structure."""

    name: str
    removals: tuple[Removal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """A structure set that passed its own check, and what is worth telling about how it came to be.

    `rtstruct` is a complete DICOM file. `stage_seconds` keeps the order of `contour.progress.STAGES`.
    """

    rtstruct: bytes
    sop_instance_uid: str
    rows: tuple[StructureRow, ...]
    stage_seconds: tuple[tuple[str, float], ...]
    warnings: tuple[Finding, ...]
    removals: tuple[StructureRemovals, ...]
    checks: tuple[StructureCheck, ...]


def wanted_structures(asked: tuple[str, ...] | None, offered: tuple[str, ...]) -> tuple[str, ...] | None:
    """The TG-263 names behind the names asked for, each once and in the order asked; None where all are wanted.

    Raises:
        NotFoundError: a name that the model does not contour, after aliases are mapped (UNKNOWN_STRUCTURE).
    """
    if asked is None:
        return None
    by_folded = {name.casefold(): name for name in offered}
    found: list[str] = []
    for name in asked:
        official = by_folded.get(name.casefold()) or by_folded.get((tg263_name(name) or "").casefold())
        if official is None:
            raise NotFoundError(
                f"structure {name!r} asked for; this model contours {', '.join(offered)}", reason="UNKNOWN_STRUCTURE"
            )
        if official not in found:
            found.append(official)
    return tuple(found)


def plan_contours(
    series: CtSeries,
    contourer: Contourer,
    *,
    structures: tuple[str, ...] | None,
    now: datetime,
    uid_source: Callable[[], str],
    progress: Progress = no_progress,
) -> PlanResult:
    """Contour a planning CT and write the structure set; nothing leaves that did not pass its own check.

    Args:
        series: A CT series that met every precondition.
        contourer: A model or a protocol; used for any number of series.
        structures: Names or aliases wanted; None for all that it contours.
        now: Written as the instance's creation date and time.
        uid_source: Gives a new UID at each call.
        progress: Told the stages from `body` on, in order; stops the work by raising CancelledError.

    Raises:
        NotFoundError: a structure that is not contoured (UNKNOWN_STRUCTURE).
        InputError: no body, or nothing of what was asked for, in this CT.
        UntrustworthyResultError: the file, read back, is not what was contoured.
        CancelledError: raised by `progress`.
    """
    wanted = wanted_structures(structures, contourer.structures)
    segmentation = contourer.contour(series.volume, structures=wanted, progress=progress)
    found = tuple(structure for structure in segmentation.structures if not structure.is_empty)
    if not found:
        raise InputError(
            f"none of {len(segmentation.structures)} structures was found in this CT; expected at least one",
            reason="NOTHING_FOUND",
        )

    progress("write", 0.0)
    started_s = time.perf_counter()
    settings = StructureSetSettings(
        label=STRUCTURE_SET_LABEL,
        now=now,
        uid_source=uid_source,
        model=f"{contourer.name} {contourer.version}"[:_DESCRIPTION_LENGTH],
    )
    rtstruct = build_rtstruct(series, found, settings)
    progress("write", 1.0)
    written_s = time.perf_counter()
    progress("verify", 0.0)
    checks = verify_rtstruct(rtstruct, series, found)
    progress("verify", 1.0)
    verified_s = time.perf_counter()

    return PlanResult(
        rtstruct=rtstruct,
        sop_instance_uid=_sop_instance_uid(rtstruct),
        rows=tuple(_row(structure, segmentation) for structure in found),
        stage_seconds=(
            *segmentation.stage_seconds,
            ("write", written_s - started_s),
            ("verify", verified_s - written_s),
        ),
        warnings=(*series.warnings, *segmentation.warnings),
        removals=tuple(
            StructureRemovals(name=s.name, removals=s.removals) for s in segmentation.structures if s.removals
        ),
        checks=checks,
    )


def _row(structure: Structure, segmentation: Segmentation) -> StructureRow:
    seconds = dict(segmentation.structure_seconds).get(structure.name, 0.0)
    return StructureRow(
        name=structure.name,
        volume_ml=structure.volume_ml,
        slices=structure.slices,
        seconds=seconds,
        predicted_dice=dict(segmentation.predicted_dice).get(structure.name),
        proposal=structure.name in segmentation.proposals,
        look_of=dict(segmentation.looks).get(structure.name, ""),
    )


def _sop_instance_uid(rtstruct: bytes) -> str:
    return str(pydicom.dcmread(io.BytesIO(rtstruct), specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
