"""What the two registration objects have in common: patient, study, equipment, and which series they tie together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DatasetSequence

from contour import __version__
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_header import MANUFACTURER, patient_and_study

DISCLAIMER = "Made by research software, not a medical device. Not for clinical use without review."


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationSettings:
    """What a registration object says about itself.

    Args:
        now: Written as the date and time of instance, series and content.
        uid_source: Gives a new UID at each call; first the SOP Instance UID, then the Series Instance UID.
        label: Content Label, a code string of at most 16 capitals, digits, spaces and underscores.
        series_number: Of the object's own series.
    """

    now: datetime
    uid_source: Callable[[], str]
    label: str = "DAILY TO PLAN"
    series_number: int = 1


def registration_header(
    sop_class_uid: str,
    registered_frame_uid: str,
    daily: CtSeries,
    plan: CtSeries,
    settings: RegistrationSettings,
) -> Dataset:
    """Every attribute but the registration itself, for an object in the day's study.

    Reference: PS3.3 A.39.1 and A.39.2, C.20.1 (series), C.12.2 (common instance reference), 10.9 (content).
    """
    header = patient_and_study(daily.header)
    date, time = settings.now.strftime("%Y%m%d"), settings.now.strftime("%H%M%S")
    header.SOPClassUID = sop_class_uid
    header.SOPInstanceUID = settings.uid_source()
    header.InstanceCreationDate = date
    header.InstanceCreationTime = time
    header.StudyInstanceUID = daily.study_instance_uid
    header.Modality = "REG"
    header.SeriesInstanceUID = settings.uid_source()
    header.SeriesNumber = settings.series_number
    header.SeriesDate = date
    header.SeriesTime = time
    header.SeriesDescription = "Registration by contour-rt"
    header.Laterality = ""
    header.Manufacturer = MANUFACTURER
    header.ManufacturerModelName = MANUFACTURER
    header.DeviceSerialNumber = "0"
    header.SoftwareVersions = __version__
    header.FrameOfReferenceUID = registered_frame_uid
    header.PositionReferenceIndicator = ""
    header.InstanceNumber = 1
    header.ContentDate = date
    header.ContentTime = time
    header.ContentLabel = settings.label
    header.ContentDescription = DISCLAIMER[:64]
    header.ContentCreatorName = ""
    _add_references(header, daily, plan)
    return header


def referenced_images(series: CtSeries) -> DatasetSequence:
    """One item per slice."""
    return DatasetSequence(_image(s.sop_class_uid, s.sop_instance_uid) for s in series.slices)


def decimal_matrix(matrix: Iterable[float]) -> list[str]:
    """Sixteen decimal strings of at most 16 bytes each, row by row."""
    return [_decimal(float(value)) for value in matrix]


def _decimal(value: float) -> str:
    """As many digits as 16 bytes hold: a rotation needs nine, so that 1 m from the origin is right to a micrometre."""
    for digits in range(12, 5, -1):
        text = f"{value:.{digits}f}"
        if len(text) <= 16:
            return "0" if float(text) == 0.0 else text
    return f"{value:.8e}"[:16]


def _add_references(header: Dataset, daily: CtSeries, plan: CtSeries) -> None:
    own = [series for series in (daily, plan) if series.study_instance_uid == daily.study_instance_uid]
    header.ReferencedSeriesSequence = DatasetSequence(_series(series) for series in own)
    if plan.study_instance_uid != daily.study_instance_uid:
        other = Dataset()
        other.StudyInstanceUID = plan.study_instance_uid
        other.ReferencedSeriesSequence = DatasetSequence([_series(plan)])
        header.StudiesContainingOtherReferencedInstancesSequence = DatasetSequence([other])


def _series(series: CtSeries) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = series.series_instance_uid
    item.ReferencedInstanceSequence = referenced_images(series)
    return item


def _image(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item
