"""Headers that contradict each other are told by attribute, never by value."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.dicom.patient_match import differing_identity, identity_findings, shared_instances
from contour.phantom import PhantomFiles


@pytest.fixture(scope="module")
def series(coarse_series: PhantomFiles) -> CtSeries:
    return read_ct_folder(coarse_series.ct_folder)


def with_header(series: CtSeries, **values: str) -> CtSeries:
    header = deepcopy(series.header)
    for keyword, value in values.items():
        setattr(header, keyword, value)
    return replace(series, header=header)


def test_the_same_patient_has_nothing_to_say(series: CtSeries) -> None:
    assert identity_findings(series, with_header(series)) == ()


@pytest.mark.parametrize(
    ("keyword", "value"), [("PatientID", "PHANTOM-2"), ("PatientBirthDate", "19500101"), ("PatientSex", "F")]
)
def test_another_patient_is_named_by_attribute_and_not_by_value(series: CtSeries, keyword: str, value: str) -> None:
    plan = with_header(series, PatientBirthDate="19490101")
    other = with_header(plan, **{keyword: value})

    (finding,) = identity_findings(plan, other)

    assert finding.reason == "WRONG_PATIENT"
    assert keyword in finding.message
    assert value not in str(finding)


def test_how_a_system_pads_or_capitalises_an_id_does_not_matter(series: CtSeries) -> None:
    assert differing_identity(series, with_header(series, PatientID=" phantom-1 ")) == ()


def test_a_name_counts_only_where_nothing_better_can_be_compared(series: CtSeries) -> None:
    renamed = with_header(series, PatientName="Muster^Anna")
    assert differing_identity(series, renamed) == ()

    nameless_id = with_header(series, PatientID="")
    assert differing_identity(nameless_id, with_header(renamed, PatientID="")) == ("PatientName",)


def test_without_an_id_the_headers_cannot_tell(series: CtSeries) -> None:
    (finding,) = identity_findings(series, with_header(series, PatientID=""))

    assert finding.reason == "UNKNOWN_PATIENT"


def test_the_plan_sent_again_shares_its_instances(series: CtSeries) -> None:
    assert shared_instances(series, series) == len(series.slices)
