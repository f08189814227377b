"""A server that is killed in the middle of a reviewer's strokes has every stroke that it answered."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from contour.jobs.review_log import replayed
from contour.jobs.review_pool import CasePool
from tests.unit.contour.jobs.review_cases import Room, centre_of, wanted

_REPOSITORY = Path(__file__).resolve().parents[4]
_STROKES = """
import sys
from pathlib import Path
from contour.jobs.review_pool import CasePool
from tests.unit.contour.jobs.review_cases import DOSIMETRIST, Room, brush

folder, review_id, *at = sys.argv[1:]
at = [float(v) for v in at]
room = Room(folder=Path(folder), pool=CasePool())
for stroke in range(1000):
    if stroke % 5 == 4:
        answer = room.desk.undo(review_id, DOSIMETRIST, room.step(review_id))
    else:
        place = [at[0] + 3.0 * (stroke % 7), at[1] - 2.0 * (stroke % 3), at[2]]
        answer = room.edit(review_id, "Parotid_L", brush(place, 6.0 + stroke % 4, erase=stroke % 2 == 1))
    bits = answer.structures[0].mask.bits.hex() if answer.structures else ""
    print(answer.revision, bits, flush=True)
"""


def test_every_stroke_that_was_answered_is_there_after_a_kill(tmp_path, coarse_series):
    parotid = coarse_series.phantom.structure("Parotid_L")
    with CasePool() as pool:
        room = Room(folder=tmp_path / "data", pool=pool)
        review_id = room.plan_job(coarse_series.ct_paths, wanted(coarse_series, "Parotid_L", "Brainstem"))
        room.store.close()
        command = [sys.executable, "-c", _STROKES, str(room.folder), review_id, *map(str, centre_of(parotid))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_REPOSITORY) as server:
            assert server.stdout is not None
            answered = [server.stdout.readline().split() for _ in range(23)]
            server.kill()
        last, bits = int(answered[-1][0]), bytes.fromhex(answered[-1][1])
        room.open()
        edits = room.store.reviews.edits(review_id)
        assert [one.revision for one in edits] == list(range(1, len(edits) + 1))
        assert len(edits) >= last  # more may have been written than the test had read
        case, _ = room.desk._room.case(review_id)
        drawn = {name: case.original(name) for name in case.names}
        as_answered = replayed(drawn, edits[:last])["Parotid_L"]
        assert np.packbits(as_answered.mask_zyx).tobytes() == bits
        assert np.array_equal(replayed(drawn, edits)["Parotid_L"].mask_zyx, case.structure("Parotid_L").mask_zyx)
        assert room.store.audit.verify().is_intact
        room.store.close()
