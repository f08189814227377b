"""Who is let in to what: each request's session, its permission and its CSRF text, then the work in a thread."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from contour.errors import InputError, NotAllowedError, NotSignedInError
from contour.listening import OFF, REQUIRED
from contour.review.answers import error_answer
from contour.review.fields import Fields, read_fields
from contour.review.security import SAFE_METHODS
from contour.store.account_store import AccountStore
from contour.store.audit_chain import AUTH_OFF
from contour.store.roles import Actor, Permission, Role, allowed
from contour.store.session_rows import WebSession

CSRF_HEADER = "X-CSRF"
"""What a page has to send with every change; another origin's page cannot know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of somebody who may make it. `fields` is empty unless it has a body."""

    actor: Actor
    session: WebSession
    path: Mapping[str, str]
    query: Mapping[str, str]
    fields: Fields
    peer: str

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """A query parameter that has to be one of a few; the first where it is not given.

        Raises:
            InputError: it is another (BAD_QUERY).
        """
        value = self.query.get(name, choices[0])
        if value not in choices:
            raise InputError(f"{name} is not known, expected {', '.join(choices)}", reason="BAD_QUERY")
        return value


Act = Callable[[Asked], Response]
Handler = Callable[[Request], Awaitable[Response]]


class Door:
    """Makes handlers of requests; the sessions are the account store's, or one of everybody's where nobody signs in."""

    def __init__(self, accounts: AccountStore, *, secure: bool, auth: str = REQUIRED) -> None:
        self._accounts = accounts
        anybody = Actor(name=AUTH_OFF, role=Role.PHYSICIST)
        self.everybody = WebSession(actor=anybody, csrf=secrets.token_urlsafe(32)) if auth == OFF else None
        self.cookie_name = "__Host-contour" if secure else "contour"
        self.secure = secure

    def handler(
        self, act: Act, permission: Permission | None = None, *, body: bool = False, query: frozenset[str] = frozenset()
    ) -> Handler:
        """A handler that runs `act` in a thread for whoever is signed in and has the permission.

        Args:
            act: Answers, or raises an error of `contour.errors`.
            permission: None where it is enough to be signed in.
            body: Whether a JSON body is expected.
            query: The query parameters that may be given.
        """

        async def handle(request: Request) -> Response:
            session = await self.session(request, permission)
            _check_query(request, query)
            fields = await read_fields(request) if body else Fields({})
            asked = Asked(
                actor=session.actor,
                session=session,
                path=dict(request.path_params),
                query=dict(request.query_params),
                fields=fields,
                peer=peer_of(request),
            )
            return await run_in_threadpool(act, asked)

        return guarded(handle)

    async def session(self, request: Request, permission: Permission | None) -> WebSession:
        """The session of a request.

        Raises:
            NotSignedInError: there is none, or it is over.
            NotAllowedError: the role lacks the permission (NOT_ALLOWED), or the CSRF text is missing (CSRF).
        """
        session = self.everybody or await run_in_threadpool(self._accounts.session_of, self.cookie(request))
        if session is None:
            raise NotSignedInError("nobody is signed in here, or the session is over")
        if request.method not in SAFE_METHODS:
            given = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(given.encode(), session.csrf.encode()):
                raise NotAllowedError(f"{CSRF_HEADER} is not what this session was given", reason="CSRF")
        if permission is not None and not allowed(session.actor.role, permission):
            raise NotAllowedError(f"the role {session.actor.role} may not {permission}")
        return session

    async def is_still(self, session: WebSession, request: Request) -> bool:
        """Whether a request's session goes on; asking does not prolong it."""
        if self.everybody is not None:
            return True
        found = await run_in_threadpool(partial(self._accounts.session_of, self.cookie(request), note=False))
        return found is not None and found.actor == session.actor

    def cookie(self, request: Request) -> str:
        """The session cookie as it came; empty where none did."""
        return request.cookies.get(self.cookie_name, "")

    def give_cookie(self, answer: Response, cookie: str) -> None:
        """Have the browser keep a session: for this host alone, out of scripts' reach, until it closes."""
        answer.set_cookie(self.cookie_name, cookie, path="/", secure=self.secure, httponly=True, samesite="strict")

    def take_cookie(self, answer: Response) -> None:
        """Have the browser forget it."""
        answer.delete_cookie(self.cookie_name, path="/", secure=self.secure, httponly=True, samesite="strict")


def guarded(handle: Handler) -> Handler:
    """A handler none of whose errors get past it."""

    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except Exception as error:  # noqa: BLE001 - nothing that is not ours may reach the browser
            return error_answer(error)

    return answer


def peer_of(request: Request) -> str:
    """The address that a request comes from."""
    return request.client.host if request.client else ""


def _check_query(request: Request, known: frozenset[str]) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    if not known.issuperset(names) or len(set(names)) != len(names):
        raise InputError(
            f"found other query parameters than {', '.join(sorted(known)) or 'none'}, or one twice", reason="BAD_QUERY"
        )
