"""Writes the structure set that a reviewer approved, and reads it back before it counts.

What nobody changed is written again to the letter: contours of untouched structures, and of untouched slices of edited
ones, are the machine's own texts. Runs in the process of `contour.jobs.review_pool`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pydicom

from contour.anatomy.structures import Structure
from contour.dicom.contour_items import WrittenContour
from contour.dicom.ct_reader import read_ct_geometry
from contour.dicom.machine_set import MachineStructure, read_machine_set, slices_that_differ
from contour.dicom.rtstruct_header import Approval
from contour.dicom.rtstruct_verification import verify_rtstruct
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct, leave_out_empty
from contour.errors import InputError
from contour.jobs.review_case import CaseSource, structure_set_bytes
from contour.jobs.uids import uids_of

STRUCTURE_SET_LABEL = "CONTOUR APPROVED"
_MOST_DESCRIPTION = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalWork:
    """What an approved file is made from.

    Args:
        source: The case.
        edited: The structures whose voxels are not the machine's, as they are now.
        reviewer: Who approves, as it is written.
        now: When.
        uid_seed: An id of 32 hexadecimal digits; the same gives the same UIDs.
        result_path: Where the file is to be written.
    """

    source: CaseSource
    edited: tuple[Structure, ...]
    reviewer: str
    now: datetime
    uid_seed: str
    result_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedFile:
    """What was written: its UID, and the structures left out because they are empty."""

    sop_instance_uid: str
    left_out: tuple[str, ...]


def write_approved(work: ApprovalWork) -> ApprovedFile:
    """Write the approved structure set to `work.result_path`; the machine's own is only read.

    Raises:
        InputError: NO_STRUCTURES where every structure is empty; what the readers raise.
        UntrustworthyResultError: the file, read back, is not what was approved.
    """
    series = read_ct_geometry(work.source.ct, series_instance_uid=work.source.series_instance_uid)
    machine = read_machine_set(structure_set_bytes(work.source), series)
    edited = {structure.name: structure for structure in work.edited}
    finals = [_final(one, edited.get(one.structure.name)) for one in machine.structures]
    structures, findings = leave_out_empty([structure for structure, _ in finals])
    if not structures:
        raise InputError("every structure is empty; an approved set needs at least one", reason="NO_STRUCTURES")
    approval = Approval(reviewer=work.reviewer, now=work.now)
    settings = StructureSetSettings(
        label=STRUCTURE_SET_LABEL,
        now=work.now,
        uid_source=uids_of(work.uid_seed),
        model=machine.model,
        series_description="Approved contours, contour-rt",
        predecessor_sop_instance_uid=machine.sop_instance_uid,
        approval=approval,
    )
    data = build_rtstruct(series, structures, settings, kept={one.name: kept for one, kept in finals})
    verify_rtstruct(data, series, structures, approval=approval)
    Path(work.result_path).write_bytes(data)
    written = pydicom.dcmread(io.BytesIO(data), specific_tags=["SOPInstanceUID"])
    kept_names = {structure.name for structure in structures}
    return ApprovedFile(
        sop_instance_uid=str(written.SOPInstanceUID),
        left_out=tuple(one.name for one, _ in finals if one.name not in kept_names) if findings else (),
    )


def _final(drawn: MachineStructure, edited: Structure | None) -> tuple[Structure, Sequence[WrittenContour]]:
    """What is written of a structure, and the machine's contours that are kept."""
    said = drawn.structure.description.replace(", not approved", "")
    if edited is None:
        text = f"Approved as drawn. {said}".strip()[:_MOST_DESCRIPTION]
        return replace(drawn.structure, description=text), drawn.contours
    changed = slices_that_differ(drawn.structure, edited)
    text = f"Changed in review on {len(changed)} slices and approved. {said}".strip()[:_MOST_DESCRIPTION]
    final = replace(
        drawn.structure,
        lower_zyx=edited.lower_zyx,
        mask_zyx=edited.mask_zyx,
        membership_zyx=edited.membership_zyx,
        generation="SEMIAUTOMATIC",
        description=text,
    )
    return final, [one for one in drawn.contours if one.slice_z not in changed]
