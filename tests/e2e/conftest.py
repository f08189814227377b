from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from contour.dicom.ct_writer import CtIdentity, write_ct_series
from registration.grid import Grid
from registration.volume import Volume
from tests.e2e.server_process import ServerProcess

SENTINEL_NAME = "SENTINELNAME^Zaphod"
SENTINEL_ID = "SENTINEL-ID-4711"


@dataclass(frozen=True)
class SmallCt:
    """Seven oblique slices, 40 x 28 pixels of 1.2 x 0.9 mm, of a patient whose name must never be seen."""

    folder: Path
    paths: list[Path] = field(default_factory=list)

    def data(self):
        return [path.read_bytes() for path in self.paths]


@pytest.fixture(scope="session")
def small_ct(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    tilt = np.deg2rad(7.0)
    grid = Grid(
        shape_zyx=(7, 28, 40),
        spacing_zyx_mm=(3.0, 1.2, 0.9),
        origin_xyz_mm=(-20.0, 35.0, -110.0),
        axes_xyz=(
            (0.0, -float(np.sin(tilt)), float(np.cos(tilt))),
            (0.0, float(np.cos(tilt)), float(np.sin(tilt))),
            (1.0, 0.0, 0.0),
        ),
        frame_of_reference_uid="2.25.4711",
    )
    values = np.random.default_rng(3).integers(-1000, 1500, grid.shape_zyx).astype(np.float32)
    identity = CtIdentity(seed="e2e", patient_name=SENTINEL_NAME, patient_id=SENTINEL_ID)
    return SmallCt(folder, write_ct_series(Volume(grid=grid, values_zyx=values), folder, identity))


@pytest.fixture
def start_server(tmp_path):
    """Starts servers on a folder of this test's own; whatever runs at its end is killed."""
    started = []

    def start(**settings):
        folder = tmp_path / f"server-{len(started)}"
        folder.mkdir()
        started.append(ServerProcess(folder, **settings))
        return started[-1].start()

    yield start
    for server in started:
        server.end()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """One server for all tests of a module that leave it as they found it."""
    server = ServerProcess(tmp_path_factory.mktemp("shared")).start()
    yield server
    server.end()
