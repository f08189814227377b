"""Reviews in the store: one per finished job, edits in order, decisions that hold, and all of it in the audit."""

import pytest

from contour.errors import NotFoundError, NotReadyError
from contour.store.records import JobResult, StoredFile
from contour.store.review_records import ApprovedObject, EditConflictError, NewDecision, NewEdit, ReviewState


@pytest.fixture
def finished(bench, run_request):
    """Makes a job that succeeded, with a file of its own; its id."""

    def make(text: bytes = b"a result") -> str:
        series = bench.complete_series()
        job = bench.store.jobs.enqueue(run_request(series), queue_limit=9)
        bench.store.jobs.claim()
        path = bench.store.files.incoming_path(job.job_id)
        path.write_bytes(text)
        sha256, size = bench.store.files.keep_file(path)
        result = JobResult(sop_instance_uid="2.25.1", model_version="1", rows=(), stages=())
        bench.store.jobs.succeed(job.job_id, result, StoredFile(sha256=sha256, size_bytes=size))
        return job.job_id

    return make


@pytest.fixture
def review_id(bench, finished):
    finished()
    bench.store.reviews.open_all()
    return bench.store.reviews.listing()[0].review_id


def edit(base_revision: int, **changes) -> NewEdit:
    asked = {
        "author": "dora", "structure": "Parotid_L", "operation": {"kind": "brush"}, "result_sha256": None,
        "seconds": 2.5, **changes,
    }  # fmt: skip
    return NewEdit(base_revision=base_revision, **asked)


def decision(base_revision: int, state=ReviewState.APPROVED, file=None) -> NewDecision:
    return NewDecision(
        state=state, base_revision=base_revision, reviewer="mary", reasons=("EDITED",), comment="", scores=(), file=file
    )


def kept(bench, text: bytes) -> str:
    path = bench.store.files.incoming_path("ab" * 16)
    path.write_bytes(text)
    return bench.store.files.keep_file(path)[0]


def test_every_job_that_succeeded_gets_one_review(bench, finished, run_request):
    jobs = [finished(b"one"), finished(b"two")]
    bench.store.jobs.enqueue(run_request(bench.complete_series()), queue_limit=9)
    assert [bench.store.reviews.open_all() for _ in range(2)] == [2, 0]
    assert [one.job_id for one in bench.store.reviews.listing()] == jobs[::-1]
    assert dict(bench.store.reviews.counts()) == {
        ReviewState.NEW: 2, ReviewState.IN_REVIEW: 0, ReviewState.APPROVED: 0, ReviewState.REJECTED: 0,
    }  # fmt: skip


def test_edits_count_up_and_survive_a_restart(bench, review_id):
    bench.store.reviews.append_edit(review_id, edit(0))
    bench.clock_s[0] += 5.0
    review = bench.store.reviews.append_edit(review_id, edit(1, operation={"kind": "undo"}))
    assert (review.revision, review.state, review.changed_s) == (2, ReviewState.IN_REVIEW, 1005.0)
    bench.reopen()
    assert [(one.revision, one.kind) for one in bench.store.reviews.edits(review_id)] == [(1, "brush"), (2, "undo")]
    actions = [entry.action for entry in bench.store.audit.listing(subject=review_id).items]
    assert actions == ["UNDONE", "EDITED"]


def test_an_edit_on_an_old_revision_changes_nothing_and_says_who_was_faster(bench, review_id):
    bench.store.reviews.append_edit(review_id, edit(0))
    for base in (0, 2):
        with pytest.raises(EditConflictError) as caught:
            bench.store.reviews.append_edit(review_id, edit(base, author="phil"))
        assert (caught.value.revision, caught.value.by, caught.value.reason) == (1, "dora", "EDIT_CONFLICT")
    assert len(bench.store.reviews.edits(review_id)) == 1
    assert len(bench.store.audit.listing(subject=review_id).items) == 1


def test_a_request_that_came_before_edits_nothing_more(bench, review_id):
    for _ in range(3):
        assert bench.store.reviews.append_edit(review_id, edit(0, request_id="r1")).revision == 1
    assert bench.store.reviews.edit_of_request(review_id, "r1").revision == 1
    assert bench.store.reviews.edit_of_request(review_id, "r2") is None


def test_the_same_request_id_is_free_in_another_review(bench, finished):
    finished(b"one")
    finished(b"two")
    bench.store.reviews.open_all()
    for review in bench.store.reviews.listing():
        assert bench.store.reviews.append_edit(review.review_id, edit(0, request_id="r1")).revision == 1


def test_a_decision_closes_and_reopening_opens(bench, review_id):
    with pytest.raises(NotReadyError, match="REVIEW_OPEN"):
        bench.store.reviews.reopen(review_id, by="mary", reason="why not")
    sha256 = kept(bench, b"approved file")
    file = ApprovedObject(sop_instance_uid="2.25.9", sha256=sha256, size_bytes=13)
    made = bench.store.reviews.decide(review_id, decision(0, file=file))
    assert (made.file, made.reviewer) == (file, "mary")
    for change in (
        lambda: bench.store.reviews.append_edit(review_id, edit(0)),
        lambda: bench.store.reviews.decide(review_id, decision(0, ReviewState.REJECTED)),
    ):
        with pytest.raises(NotReadyError, match="REVIEW_CLOSED"):
            change()
    assert bench.store.reviews.decision(bench.store.reviews.get(review_id)) == made
    assert [one[1] for one in bench.store.reviews.approvals(most=5)] == [made]
    assert bench.store.reviews.decided() == (1, 1)
    bench.store.reviews.reopen(review_id, by="mary", reason="second look")
    assert bench.store.reviews.decision(bench.store.reviews.get(review_id)) is None
    assert bench.store.reviews.decisions(review_id) == (made,)
    assert bench.store.reviews.approvals(most=5) == ()
    assert bench.store.reviews.decided() == (1, 0)
    assert bench.store.audit.verify().is_intact


def test_a_decision_on_an_old_revision_is_refused(bench, review_id):
    bench.store.reviews.append_edit(review_id, edit(0))
    with pytest.raises(EditConflictError):
        bench.store.reviews.decide(review_id, decision(0))
    assert bench.store.reviews.get(review_id).state is ReviewState.IN_REVIEW


def test_objects_of_edits_and_decisions_are_no_orphans(bench, review_id):
    edited, approved, orphan = (kept(bench, text) for text in (b"voxels", b"approved", b"nobody's"))
    bench.store.reviews.append_edit(review_id, edit(0, result_sha256=edited))
    file = ApprovedObject(sop_instance_uid="2.25.9", sha256=approved, size_bytes=8)
    bench.store.reviews.decide(review_id, decision(1, file=file))
    bench.reopen()
    assert bench.store.files.object_path(edited).read_bytes() == b"voxels"
    assert bench.store.files.object_path(approved).read_bytes() == b"approved"
    assert not bench.store.files.object_path(orphan).exists()


@pytest.mark.parametrize("review_id", ["", "0" * 32, "../../etc/passwd"])
def test_a_review_that_is_not_there_is_not_found(bench, review_id):
    for ask in (
        lambda: bench.store.reviews.get(review_id),
        lambda: bench.store.reviews.append_edit(review_id, edit(0)),
        lambda: bench.store.reviews.reopen(review_id, by="mary", reason="r"),
    ):
        with pytest.raises(NotFoundError, match="REVIEW_NOT_FOUND"):
            ask()


def test_a_review_that_nobody_began_goes_with_its_job(bench, review_id):
    bench.store.jobs.delete(bench.store.reviews.get(review_id).job_id)
    with pytest.raises(NotFoundError):
        bench.store.reviews.get(review_id)


def test_what_was_reviewed_is_deleted_neither_by_its_job_nor_by_its_series(bench, review_id):
    job = bench.store.jobs.get(bench.store.reviews.get(review_id).job_id)
    bench.store.reviews.append_edit(review_id, edit(0))
    for delete in (
        lambda: bench.store.jobs.delete(job.job_id),
        lambda: bench.store.series.delete(job.request.series_id),
    ):
        with pytest.raises(NotReadyError, match="REVIEWED"):
            delete()
    assert bench.store.reviews.get(review_id).revision == 1
    assert bench.store.files.object_path(job.file.sha256).exists()


def test_the_approved_file_of_a_job_is_there_while_its_approval_stands(bench, review_id):
    job_id = bench.store.reviews.get(review_id).job_id
    assert bench.store.reviews.approved_file(job_id) is None
    sha256 = kept(bench, b"approved")
    file = ApprovedObject(sop_instance_uid="2.25.2", sha256=sha256, size_bytes=8)
    bench.store.reviews.decide(review_id, decision(0, file=file))
    assert bench.store.reviews.approved_file(job_id) == StoredFile(sha256=sha256, size_bytes=8)
    bench.store.reviews.reopen(review_id, by="mary", reason="a second look")
    assert bench.store.reviews.approved_file(job_id) is None
