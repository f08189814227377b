import pytest

from contour.adaptation.watch.rules import read_watch_rules
from contour.jobs.course_watching import CourseWatcher
from contour.jobs.review_pool import CasePool
from contour.store.records import PlanSource
from tests.unit.contour.jobs.review_cases import DOSIMETRIST, PHYSICIAN, Room, brush, centre_of, row_of, wanted


def test_an_approval_feeds_the_models_charts_at_once(tmp_path, coarse_series):
    structures = wanted(coarse_series, "Brainstem", "Parotid_L", "GTVp")
    rows = (
        *(row_of(one, predicted_dice=None) for one in structures[:2]),
        row_of(structures[2], predicted_dice=None, look_of="GTVp"),
    )
    with CasePool() as pool:
        room = Room(folder=tmp_path / "data", pool=pool)
        watcher = CourseWatcher(room.store, read_watch_rules())
        review_id = room.plan_job(coarse_series.ct_paths, structures, rows=rows)
        assert watcher.overview().models == ()
        room.edit(review_id, "Parotid_L", brush(centre_of(structures[1]), 15.0), seconds=30.0)
        room.desk.approve(review_id, PHYSICIAN, room.decision(review_id, seconds=60.0))
        parotid = next(row for row in room.desk.score(review_id, DOSIMETRIST) if row.name == "Parotid_L")
        models = {one.figure: one for one in watcher.overview().models}
        assert set(models) == {"edit", "review_s"}
        assert models["edit"].values == (pytest.approx((1.0 + parotid.dice) / 2, abs=1e-5),)
        assert models["review_s"].values == (pytest.approx((20.0 + 20.0 + 30.0) / 2),)
        room.desk.reopen(review_id, PHYSICIAN, "looked at again")
        assert watcher.overview().models == ()
        job = room.store.jobs.get(room.store.reviews.get(review_id).job_id)
        room.store.courses.create(PlanSource(ct_series_id=job.request.series_id), label="", site="unspecified")
        room.desk.reject(review_id, PHYSICIAN, room.decision(review_id, "OTHER"))
        assert watcher.overview().models == ()
        room.store.close()
