"""The product's own walk through a real server: a synthetic patient in, a structure set out, bad series named."""

import re
from datetime import UTC, datetime

import pytest

from contour.client import ContourClient
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.rtstruct_reader import read_rtstruct
from contour.errors import InputError, NotFoundError, SeriesRejectedError
from contour.jobs.contourers import ByModel
from contour.jobs.plan import plan_contours
from contour.progress import STAGES
from contour.segmentation import ModelStore
from tests.e2e.server_process import ServerProcess
from tests.tiny_model import FOUND, NAME, save_tiny_model


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, models):
    made = ServerProcess(tmp_path_factory.mktemp("planning"), runner="", model_folders=[models], default_model=NAME)
    yield made.start()
    made.end()


@pytest.fixture
def client(server):
    with ContourClient(server.grpc) as made:
        yield made


@pytest.fixture(scope="module")
def paths(coarse_series):
    return sorted(path for path in coarse_series.ct_folder.iterdir() if path.is_file())


def geometry(rtstruct):
    """Every contour of every structure; what the job's own clock and UIDs cannot change."""
    rois = read_rtstruct(rtstruct).rois
    return [(roi.name, [contour.points_xyz_mm.tolist() for contour in roi.contours]) for roi in rois]


def test_the_server_gives_the_same_contours_as_the_same_work_in_this_process(client, paths, models, coarse_series):
    told = []
    planned = client.plan(client.upload_series(paths), progress=lambda stage, fraction: told.append(stage))
    series = read_ct_folder(coarse_series.ct_folder)
    number = iter(range(10_000))
    here = plan_contours(
        series,
        ByModel(ModelStore([models]).load(NAME, device="cpu")),
        structures=None,
        now=datetime(2026, 1, 1, tzinfo=UTC),
        uid_source=lambda: f"2.25.{next(number)}",
    )
    same = geometry(planned.rtstruct) == geometry(here.rtstruct)  # pytest takes minutes to show where not
    assert same
    assert tuple(row.name for row in planned.structures) == FOUND
    assert [row.volume_ml for row in planned.structures] == [row.volume_ml for row in here.rows]
    assert [stage for stage, _ in planned.stage_seconds] == list(STAGES)
    assert set(told) <= set(STAGES)
    assert [finding.reason for finding in planned.warnings] == ["STRUCTURE_NOT_FOUND"]


def test_a_job_can_be_repeated_to_the_byte_but_for_its_own_clock_and_uids(client, paths):
    series = client.upload_series(paths)
    first, second = client.plan(series, structures=["Brain"]), client.plan(series, structures=["Brain"])
    assert first.sop_instance_uid != second.sop_instance_uid
    same = geometry(first.rtstruct) == geometry(second.rtstruct)
    assert same
    assert [row.name for row in first.structures] == ["Brain"]


def test_what_the_worker_refuses_arrives_with_its_reason(client, paths):
    with pytest.raises(SeriesRejectedError, match="MISSING_SLICE") as caught:
        client.plan(client.upload_series([*paths[:20], *paths[22:]]))
    assert caught.value.findings[0].measured
    with pytest.raises(InputError, match="TOO_FEW_SLICES"):
        client.plan(client.upload_series(paths[:1]))
    with pytest.raises(NotFoundError, match="UNKNOWN_STRUCTURE"):
        client.plan(client.upload_series(paths), structures=["Femur_Head_L"])


def test_another_modality_is_not_ct(client, paths):
    ct_image, mr_image = rb"1\.2\.840\.10008\.5\.1\.4\.1\.1\.2\0", b"1.2.840.10008.5.1.4.1.1.4\0"
    mr = [re.sub(ct_image, mr_image, path.read_bytes()) for path in paths]
    with pytest.raises(InputError, match="NOT_CT"):
        client.plan(client.upload_series(mr))


def test_models_come_from_the_folders_and_from_the_installation(client):
    models = {model.name: model for model in client.models()}
    assert models[NAME].is_default
    assert models[NAME].structures[0] == "External"
    assert client.model_card(NAME)


def test_the_grpc_process_holds_no_network_library(server):
    assert not {"torch", "monai", "SimpleITK", "matplotlib"} & set(server.modules)
