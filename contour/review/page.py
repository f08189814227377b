"""The review page and all that stands behind it, beside a server that is running."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from contour.errors import ServiceUnavailableError
from contour.jobs.changes import Changes
from contour.jobs.review_desk import ReviewDesk
from contour.jobs.review_pool import CasePool
from contour.jobs.review_values import ReviewRules
from contour.listening import REQUIRED
from contour.review.app import Services
from contour.review.config import ReviewConfig
from contour.review.events import Feed
from contour.review.job_forms import jobs_form
from contour.review.server import ReviewServer
from contour.store import Store

log = logging.getLogger(__name__)


@contextmanager
def review_page(config: ReviewConfig, rules: ReviewRules, store: Store, changes: Changes) -> Iterator[str]:
    """Serve the page while the block lasts; gives its address for a browser.

    Raises:
        ConfigError: the address is taken (ADDRESS_IN_USE), or the certificate cannot be used (BAD_CERTIFICATE).
        ServiceUnavailableError: it does not come up.
    """
    feed = Feed(changes, partial(jobs_form, store), listeners=config.listeners)
    signs = store.accounts.check_password if config.auth == REQUIRED else None
    with CasePool() as pool:
        desk = ReviewDesk(
            store,
            pool,
            rules,
            clock_s=time.time,
            is_signature=None if signs is None else lambda name, password: signs(name, password) is not None,
            on_change=feed.review_changed,
        )
        threading.Thread(target=_warm_up, args=(desk,), name="review-warm-up", daemon=True).start()
        with ReviewServer(config, Services(desk=desk, store=store, feed=feed)) as server:
            yield server.url


def _warm_up(desk: ReviewDesk) -> None:
    """So that the first who opens a case does not wait for a process to start."""
    try:
        desk.warm_up()
    except ServiceUnavailableError as error:
        log.warning("the process that reads cases is not up yet: %s", error)
