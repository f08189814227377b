"""Looking: the work list, a case, its images, masks, surfaces and scores."""

from __future__ import annotations

import gzip

import numpy as np
from starlette.responses import Response

from contour.errors import InputError, NotFoundError
from contour.jobs.review_desk import ReviewDesk
from contour.jobs.review_values import MaskSource
from contour.review.answers import json_answer, triple_text
from contour.review.door import Asked
from contour.review.forms import case_form, score_form, worklist_form
from contour.store.files import is_id
from contour.store.review_records import ReviewState

_OCTETS = "application/octet-stream"
_SOURCES: tuple[MaskSource, ...] = ("current", "original", "planned")
_LONGEST_STRUCTURE = 64


class CaseRoutes:
    """Each method answers one route; all of them read only."""

    def __init__(self, desk: ReviewDesk) -> None:
        self._desk = desk

    def worklist(self, asked: Asked) -> Response:
        """Reviews by priority; `state` holds the states wanted, with commas between."""
        states = tuple(_state(text) for text in asked.query.get("state", "").split(",") if text)
        return json_answer(worklist_form(self._desk.worklist(asked.actor, states)))

    def case(self, asked: Asked) -> Response:
        """A case as it is now."""
        return json_answer(case_form(self._desk.open(review_id(asked), asked.actor)))

    def instance(self, asked: Asked) -> Response:
        """One slice, the DICOM file as it was uploaded."""
        slice_z = asked.path["k"]
        if not (slice_z.isascii() and slice_z.isdigit()) or len(slice_z) > 6:
            raise NotFoundError("the case has no slice with this number", reason="NO_SUCH_SLICE")
        path = self._desk.instance(review_id(asked), asked.actor, int(slice_z))
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError("the slice's file is gone from the store", reason="INSTANCE_GONE") from error
        return Response(data, media_type="application/dicom")

    def mask(self, asked: Asked) -> Response:
        """A structure's crop, eight voxels to a byte."""
        source = asked.choice("source", _SOURCES)
        found = self._desk.mask(
            review_id(asked),
            asked.actor,
            structure_name(asked),
            next(one for one in _SOURCES if one == source),
        )
        headers = {
            "X-Lower-ZYX": triple_text(found.lower_zyx),
            "X-Shape-ZYX": triple_text(found.shape_zyx),
            "X-Revision": str(found.revision),
        }
        return Response(found.bits, headers=headers, media_type=_OCTETS)

    def surface(self, asked: Asked) -> Response:
        """A structure's surface: two counts as uint32, points as float32 mm, triangles as uint32; little endian."""
        mesh = self._desk.surface(review_id(asked), asked.actor, structure_name(asked))
        points, triangles = np.asarray(mesh.points_xyz_mm), np.asarray(mesh.triangles)
        counts = np.array([points.shape[0], triangles.shape[0]], dtype="<u4")
        data = counts.tobytes() + points.astype("<f4").tobytes() + triangles.astype("<u4").tobytes()
        return Response(data, media_type=_OCTETS)

    def score(self, asked: Asked) -> Response:
        """Each structure now against what the machine drew."""
        rows = self._desk.score(review_id(asked), asked.actor)
        return json_answer({"rows": [score_form(row) for row in rows]})

    def volume(self, asked: Asked) -> Response:
        """The plan CT on the day's grid: HU as little-endian int16, compressed."""
        source = asked.choice("source", ("plan", "deformed"))
        found = self._desk.plan_volume(review_id(asked), asked.actor, deformed=source == "deformed")
        values = np.ascontiguousarray(found.values_zyx, dtype="<i2")
        depth, height, width = values.shape
        headers = {"Content-Encoding": "gzip", "X-Shape-ZYX": triple_text((depth, height, width))}
        return Response(gzip.compress(values.tobytes(), compresslevel=1, mtime=0), headers=headers, media_type=_OCTETS)

    def displacement(self, asked: Asked) -> Response:
        """What is left after set-up, as little-endian float32 (z, y, x, 3) in mm on a coarse lattice."""
        found = self._desk.displacement(review_id(asked), asked.actor)
        vectors = np.ascontiguousarray(found.vectors_zyx, dtype="<f4")
        depth, height, width, _ = vectors.shape
        headers = {
            "X-Shape-ZYX": triple_text((depth, height, width)),
            "X-Step-ZYX": triple_text(found.step_zyx),
            "X-Start-ZYX": triple_text(found.start_zyx),
        }
        return Response(vectors.tobytes(), headers=headers, media_type=_OCTETS)


def review_id(asked: Asked) -> str:
    """The review that a path names.

    Raises:
        NotFoundError: it cannot be a review's id (REVIEW_NOT_FOUND).
    """
    text = asked.path["review_id"]
    if not is_id(text):
        raise NotFoundError("no review has this id", reason="REVIEW_NOT_FOUND")
    return text


def structure_name(asked: Asked) -> str:
    """The structure that a path names.

    Raises:
        NotFoundError: it cannot be a structure's name (UNKNOWN_STRUCTURE).
    """
    name = asked.path["name"]
    if not 1 <= len(name) <= _LONGEST_STRUCTURE or not name.isprintable():
        raise NotFoundError("the review has no structure with this name", reason="UNKNOWN_STRUCTURE")
    return name


def _state(text: str) -> ReviewState:
    try:
        return ReviewState(text)
    except ValueError:
        raise InputError(
            f"state is not known, expected {', '.join(ReviewState)} with commas between", reason="BAD_QUERY"
        ) from None
