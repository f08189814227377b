"""Registration objects from outside, vetted before any library parses them."""

from __future__ import annotations

import warnings
from io import BytesIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from contour.dicom.vetting import vet_instance
from contour.errors import InputError

BROKEN = (
    AttributeError,
    BytesLengthException,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What pydicom raises on bytes that are not what their type says."""


def read_registration(data: bytes, sop_class_uid: str) -> Dataset:
    """The data set of a registration object of one class.

    Raises:
        InputError: NOT_REGISTRATION for another class, MALFORMED_REGISTRATION, or as `vet_instance`.
    """
    summary = vet_instance(data)
    if summary.sop_class_uid != sop_class_uid:
        raise InputError("not a registration object of the kind expected", reason="NOT_REGISTRATION")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        try:
            dataset = pydicom.dcmread(BytesIO(data))
            str(dataset.FrameOfReferenceUID)
        except BROKEN as error:
            raise malformed(error) from None
    return dataset


def matrix_of(item: Dataset) -> NDArray[np.float64]:
    """(4, 4) of a Frame of Reference Transformation Matrix.

    Raises:
        InputError: MALFORMED_REGISTRATION.
    """
    try:
        matrix = np.asarray([float(v) for v in item.FrameOfReferenceTransformationMatrix], dtype=np.float64)
        found: NDArray[np.float64] = matrix.reshape(4, 4)
    except BROKEN as error:
        raise malformed(error) from None
    if not np.isfinite(found).all():
        raise InputError("a matrix of the registration is not finite", reason="MALFORMED_REGISTRATION")
    return found


def malformed(error: Exception) -> InputError:
    """What is said of a registration that cannot be read."""
    return InputError(
        f"an attribute of the registration cannot be read ({type(error).__name__})", reason="MALFORMED_REGISTRATION"
    )
