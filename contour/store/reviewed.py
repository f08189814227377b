"""What people have reviewed is not deleted with what it was made from."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contour.errors import NotReadyError
from contour.store.review_tables import ReviewRow


def require_unreviewed(session: Session, job_ids: Sequence[str]) -> None:
    """What people edited or decided is kept with all that it was made from.

    Raises:
        NotReadyError: REVIEWED.
    """
    query = select(func.count()).select_from(ReviewRow).where(ReviewRow.job_id.in_(job_ids))
    count = session.scalar(query.where((ReviewRow.revision > 0) | (ReviewRow.state != "new")))
    if count:
        raise NotReadyError(
            f"{count} of the structure sets have been reviewed, which is kept; expected none", reason="REVIEWED"
        )
