"""Signing in and out."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from contour.errors import NotReadyError, NotSignedInError
from contour.review.answers import json_answer
from contour.review.door import Asked, Door, guarded, peer_of
from contour.review.fields import Fields, read_fields
from contour.review.gate import PasswordGate
from contour.store.account_store import AccountStore
from contour.store.audit_chain import Action
from contour.store.audit_store import AuditStore
from contour.store.roles import Actor, permissions_of

LONGEST_NAME, LONGEST_PASSWORD = 64, 1024


class SignIn:
    """`/api/session`: opened by a password, told, closed."""

    def __init__(self, door: Door, accounts: AccountStore, audit: AuditStore, gate: PasswordGate) -> None:
        self._door = door
        self._accounts = accounts
        self._audit = audit
        self._gate = gate

    async def open(self, request: Request) -> Response:
        """Sign in: 401 SIGN_IN_REFUSED says no more than that, 429 TOO_MANY_ATTEMPTS when to come back."""
        return await guarded(self._open)(request)

    async def close(self, request: Request) -> Response:
        """Sign out."""
        return await guarded(self._close)(request)

    def tell(self, asked: Asked) -> Response:
        """Who is signed in."""
        return json_answer(self._form(asked.actor, asked.session.csrf))

    async def _open(self, request: Request) -> Response:
        if self._door.everybody is not None:
            raise NotReadyError("nobody signs in here: auth is off", reason="AUTH_OFF")
        fields = await read_fields(request)
        return await run_in_threadpool(self._check, fields, peer_of(request), self._door.cookie(request))

    def _check(self, fields: Fields, peer: str, earlier: str) -> Response:
        name = fields.text("name", most=LONGEST_NAME)
        password = fields.text("password", most=LONGEST_PASSWORD)
        fields.end()
        actor = self._gate.attempt(name, peer, lambda: self._accounts.check_password(name, password))
        if actor is None:
            self._audit.add(self._accounts.name_for_audit(name), Action.SIGN_IN_REFUSED, "review page", {"peer": peer})
            raise NotSignedInError("name or password is wrong, or the account is closed", reason="SIGN_IN_REFUSED")
        self._accounts.close_session(earlier)
        opened = self._accounts.open_session(actor.name)
        self._audit.add(actor.name, Action.SIGNED_IN, "review page", {"peer": peer})
        answer = json_answer(self._form(actor, opened.csrf))
        self._door.give_cookie(answer, opened.cookie)
        return answer

    async def _close(self, request: Request) -> Response:
        session = await self._door.session(request, None)
        if self._door.everybody is not None:
            raise NotReadyError("nobody signs in here: auth is off", reason="AUTH_OFF")
        return await run_in_threadpool(self._end, session.actor, self._door.cookie(request))

    def _end(self, actor: Actor, cookie: str) -> Response:
        self._accounts.close_session(cookie)
        self._audit.add(actor.name, Action.SIGNED_OUT, "review page")
        answer = json_answer({})
        self._door.take_cookie(answer)
        return answer

    def _form(self, actor: Actor, csrf: str) -> dict[str, Any]:
        return {
            "name": actor.name,
            "role": str(actor.role),
            "full_name": "" if self._door.everybody else self._accounts.get(actor.name).full_name,
            "csrf": csrf,
            "may": [str(permission) for permission in permissions_of(actor.role)],
        }
