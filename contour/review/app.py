"""The review page's application: every route in one table, behind the guard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from contour.errors import NotFoundError
from contour.jobs.review_desk import ReviewDesk
from contour.review.answers import RefusedError, error_answer, json_answer
from contour.review.case_routes import CaseRoutes
from contour.review.change_routes import ChangeRoutes
from contour.review.config import ReviewConfig
from contour.review.door import Act, Asked, Door, Handler, guarded
from contour.review.events import EventStream, Feed
from contour.review.gate import PasswordGate
from contour.review.job_forms import jobs_form
from contour.review.page_files import STATIC_FOLDER, PageFiles
from contour.review.security import Guard
from contour.review.sign_in import SignIn
from contour.store import Store
from contour.store.roles import Permission

_REVIEW = "/api/reviews/{review_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the page stands on. `feed` is the one that the desk tells of its changes."""

    desk: ReviewDesk
    store: Store
    feed: Feed


def build_app(config: ReviewConfig, services: Services, *, static_folder: Path = STATIC_FOLDER) -> ASGIApp:
    """The application, without anything that listens."""
    door = Door(services.store.accounts, secure=config.is_secure, auth=config.auth)
    gate = PasswordGate(config.attempts, config.attempts_s)
    files = PageFiles(static_folder)
    sign_in = SignIn(door, services.store.accounts, services.store.audit, gate)

    def jobs(_asked: Asked) -> Response:
        return json_answer(jobs_form(services.store))

    routes = [
        Route("/", files.page, methods=["GET"]),
        Route("/static/{name:path}", files.file, methods=["GET"]),
        Route("/api/session", sign_in.open, methods=["POST"]),
        Route("/api/session", sign_in.close, methods=["DELETE"]),
        Route("/api/session", door.handler(sign_in.tell), methods=["GET"]),
        Route("/api/jobs", door.handler(jobs, Permission.WATCH), methods=["GET"]),
        Route("/api/events", guarded(partial(_events, door, services)), methods=["GET"]),
        *_reading_routes(door, CaseRoutes(services.desk)),
        *_changing_routes(door, ChangeRoutes(services.desk, gate)),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _unknown_route})
    app.router.redirect_slashes = False
    return Guard(app, hosts=frozenset({config.host, *config.hosts}), secure=config.is_secure)


def _reading_routes(door: Door, cases: CaseRoutes) -> list[Route]:
    def route(path: str, act: Act, *query: str) -> Route:
        return Route(path, door.handler(act, Permission.VIEW, query=frozenset(query)), methods=["GET"])

    return [
        route("/api/worklist", cases.worklist, "state"),
        route(_REVIEW, cases.case),
        route(_REVIEW + "/instances/{k}", cases.instance),
        route(_REVIEW + "/structures/{name:path}/mask", cases.mask, "source"),
        route(_REVIEW + "/structures/{name:path}/surface", cases.surface),
        route(_REVIEW + "/score", cases.score),
        route(_REVIEW + "/volume", cases.volume, "source"),
        route(_REVIEW + "/displacement", cases.displacement),
    ]


def _changing_routes(door: Door, changes: ChangeRoutes) -> list[Route]:
    def route(name: str, act: Act, permission: Permission) -> Route:
        return Route(f"{_REVIEW}/{name}", door.handler(act, permission, body=True), methods=["POST"])

    take_away: Handler = door.handler(changes.file, Permission.DOWNLOAD, query=frozenset({"source"}))
    return [
        route("edits", changes.edit, Permission.EDIT),
        route("undo", changes.undo, Permission.EDIT),
        route("redo", changes.redo, Permission.EDIT),
        route("revert", changes.revert, Permission.EDIT),
        route("approve", changes.approve, Permission.DECIDE),
        route("reject", changes.reject, Permission.DECIDE),
        route("reopen", changes.reopen, Permission.DECIDE),
        Route(_REVIEW + "/file", take_away, methods=["GET"]),
    ]


async def _events(door: Door, services: Services, request: Request) -> Response:
    session = await door.session(request, Permission.VIEW)
    listener = await services.feed.listen(session.actor.name)
    return EventStream(listener, partial(door.is_still, session, request))


async def _unknown_route(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        return error_answer(RefusedError(405, "UNKNOWN_METHOD", "nothing is done at this address by that method"))
    return error_answer(NotFoundError("there is nothing at this address", reason="ADDRESS_NOT_FOUND"))
