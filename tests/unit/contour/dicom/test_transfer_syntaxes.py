"""Every transfer syntax that is read gives the same voxels; what cannot be decoded is named."""

import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from contour.dicom import pixel_decoding
from contour.dicom.ct_reader import read_ct_folder
from contour.errors import ContourError
from registration import Volume

Refusal = Callable[..., ContourError]


def transcode(path: Path, syntax: str) -> None:
    """Rewrites a slice in another transfer syntax with pydicom's own encoders."""
    dataset = pydicom.dcmread(path)
    if syntax == JPEG2000Lossless:
        # pydicom can't encode it; imagecodecs' OpenJPEG can.
        imagecodecs = pytest.importorskip("imagecodecs")
        codestream = imagecodecs.jpeg2k_encode(dataset.pixel_array, level=0, codecformat="j2k", reversible=True)
        dataset.PixelData = encapsulate([codestream])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
    elif syntax in (RLELossless, JPEGLSLossless):
        dataset.compress(syntax, generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def break_frame(path: Path, change: Callable[[bytes], bytes]) -> None:
    dataset = pydicom.dcmread(path)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([change(frame)])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEGLSLossless,
        JPEG2000Lossless,
    ],
    ids=lambda syntax: syntax.keyword,
)
def test_each_transfer_syntax_gives_the_same_voxels(
    series: list[Path], make_volume: Callable[..., Volume], syntax: str
) -> None:
    for path in series:
        transcode(path, syntax)
    read = read_ct_folder(series[0].parent)
    np.testing.assert_array_equal(read.volume.values_zyx, make_volume().values_zyx)
    assert read.header.PatientID == "SENTINEL-4711"


@pytest.mark.parametrize(
    ("tool", "options", "syntax"),
    [
        ("dcmcjpeg", ["+e1"], JPEGLosslessSV1),
        ("dcmcjpeg", ["+el"], JPEGLossless),
        ("dcmcjpls", [], JPEGLSLossless),
        ("dcmcrle", [], RLELossless),
        ("dcmconv", ["+tb"], ExplicitVRBigEndian),
        ("dcmconv", ["+td"], DeflatedExplicitVRLittleEndian),
        ("dcmconv", ["+ti"], ImplicitVRLittleEndian),
    ],
)
def test_what_dcmtk_wrote_gives_the_same_voxels(
    series: list[Path],
    make_volume: Callable[..., Volume],
    judge: Callable[[str], str],
    tool: str,
    options: list[str],
    syntax: str,
) -> None:
    for path in series:
        subprocess.run([judge(tool), *options, path, path], check=True)
    assert pydicom.dcmread(series[0], specific_tags=[]).file_meta.TransferSyntaxUID == syntax
    read = read_ct_folder(series[0].parent)
    np.testing.assert_array_equal(read.volume.values_zyx, make_volume().values_zyx)


def test_twelve_bit_jpeg_lossless_keeps_its_values(series: list[Path], judge: Callable[[str], str]) -> None:
    stored = np.arange(52 * 44, dtype="<u2") % 4096
    for path in series:
        dataset = pydicom.dcmread(path)
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 0
        dataset.PixelData = stored.tobytes()
        dataset.save_as(path)
        subprocess.run([judge("dcmcjpeg"), "+e1", path, path], check=True)
    values = read_ct_folder(series[0].parent).volume.values_zyx
    np.testing.assert_array_equal(values[4].ravel(), stored.astype(int) - 1024)


def test_a_frame_in_several_fragments_is_put_together(series: list[Path], make_volume: Callable[..., Volume]) -> None:
    for path in series:
        transcode(path, JPEG2000Lossless)
    dataset = pydicom.dcmread(series[3])
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([frame], fragments_per_frame=3)
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(series[3])
    read = read_ct_folder(series[0].parent)
    np.testing.assert_array_equal(read.volume.values_zyx, make_volume().values_zyx)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless], ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frame: frame[: len(frame) // 2], "TRUNCATED_PIXEL_DATA"),
        (lambda frame: frame[: len(frame) // 2] + b"\xff\xd9", "UNDECODABLE_PIXEL_DATA"),
        (lambda frame: b"\0" * len(frame), "TRUNCATED_PIXEL_DATA"),
    ],
    ids=["cut", "cut-but-ended", "zeros"],
)
def test_a_broken_compressed_frame_is_refused(
    series: list[Path], refusal_of: Refusal, syntax: str, change: Callable[[bytes], bytes], reason: str
) -> None:
    for path in series:
        transcode(path, syntax)
    break_frame(series[4], change)
    assert refusal_of(series[0].parent).reason == reason


def test_a_cut_run_length_frame_is_refused(series: list[Path], refusal_of: Refusal) -> None:
    for path in series:
        transcode(path, RLELossless)
    break_frame(series[4], lambda frame: frame[: len(frame) // 2])
    assert refusal_of(series[0].parent).reason == "UNDECODABLE_PIXEL_DATA"


def test_a_frame_that_claims_another_size_is_not_decoded(
    series: list[Path], refusal_of: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in series:
        transcode(path, JPEGLSLossless)
    break_frame(series[4], lambda frame: frame.replace(b"\x00\x34\x00\x2c", b"\xff\xff\xff\xff", 1))
    decoded: list[int] = []
    whole = pixel_decoding._by_pydicom
    monkeypatch.setattr(pixel_decoding, "_by_pydicom", lambda frame, stored: decoded.append(1) or whole(frame, stored))
    assert refusal_of(series[0].parent).reason == "TRUNCATED_PIXEL_DATA"
    assert len(decoded) == 8


def test_an_unsupported_transfer_syntax_is_named(series: list[Path], refusal_of: Refusal) -> None:
    for path in series:
        transcode(path, JPEGLSLossless)
        data = path.read_bytes()
        path.write_bytes(data.replace(JPEGLSLossless.encode(), JPEGBaseline8Bit.encode()))
    error = refusal_of(series[0].parent)
    assert error.reason == "UNSUPPORTED_TRANSFER_SYNTAX"
    assert "JPEG Baseline" in str(error)


def test_a_missing_codec_is_named_with_what_to_install(
    series: list[Path], refusal_of: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in series:
        transcode(path, JPEGLSLossless)
        data = path.read_bytes()
        path.write_bytes(data.replace(JPEGLSLossless.encode(), JPEGLosslessSV1.encode()[:22]))
    monkeypatch.setattr(pixel_decoding, "find_spec", lambda name: None)
    error = refusal_of(series[0].parent)
    assert error.reason == "MISSING_CODEC"
    assert "imagecodecs" in str(error)


def test_a_deflated_bomb_is_stopped_at_the_bound(series: list[Path], refusal_of: Refusal) -> None:
    transcode(series[4], DeflatedExplicitVRLittleEndian)
    data = series[4].read_bytes()
    meta_end = 132 + 12 + int.from_bytes(data[140:144], "little")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(deflater.compress(bytes(2**20)) for _ in range(400)) + deflater.flush()
    series[4].write_bytes(data[:meta_end] + bomb)
    assert refusal_of(series[0].parent).reason == "INFLATES_TOO_FAR"
