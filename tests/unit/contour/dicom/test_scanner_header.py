"""A scanner is known by a hash of what its header says, and its day by the first date that is one."""

from datetime import date

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from contour.dicom.scanner_header import Scanner, read_scanner


def elements(**values):
    found = {}
    for keyword, value in values.items():
        tag = BaseTag(tag_for_keyword(keyword))
        found[tag] = RawDataElement(tag, dictionary_VR(tag), len(value), value, 0, False, True)
    return found


def test_the_same_scanner_has_the_same_device_however_its_texts_are_padded():
    one = read_scanner(elements(Manufacturer=b"ACME", StationName=b"CT2 "))
    other = read_scanner(elements(Manufacturer=b"ACME ", StationName=b"CT2\0"))
    assert one.device == other.device
    assert one.device.startswith("ct-")
    assert len(one.device) == 13


def test_another_station_is_another_device_and_no_text_is_repeated():
    devices = {read_scanner(elements(Manufacturer=b"ACME", StationName=name)).device for name in (b"CT1", b"CT2")}
    assert len(devices) == 2
    assert not any("CT1" in device or "ACME" in device for device in devices)


def test_a_header_that_says_nothing_has_no_device_and_no_day():
    assert read_scanner({}) == Scanner()
    assert read_scanner(elements(Manufacturer=b"  ")) == Scanner()


@pytest.mark.parametrize(
    ("dates", "day"),
    [
        ({"AcquisitionDate": b"20261129", "StudyDate": b"20200101"}, date(2026, 11, 29)),
        ({"AcquisitionDate": b"", "SeriesDate": b"2026.11.29"}, date(2026, 11, 29)),
        ({"AcquisitionDate": b"20261341", "StudyDate": b"20200101"}, date(2020, 1, 1)),
        ({"StudyDate": b"soon"}, None),
        ({"StudyDate": "٢٠٢٦١١٢٩".encode()}, None),
    ],
)
def test_the_day_is_the_first_date_that_is_one(dates, day):
    assert read_scanner(elements(**dates)).day == day
