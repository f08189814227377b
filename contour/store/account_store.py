"""Accounts: who may sign in with what, and who a password, token, certificate or cookie is."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contour.errors import InputError, NotReadyError
from contour.store.account_rows import (
    Account,
    check_names,
    describe_account,
    enabled_actor,
    known_row,
    row_of,
    row_of_certificate,
)
from contour.store.audit_chain import CONSOLE, NOBODY, Action, append
from contour.store.database import Database
from contour.store.passwords import Passwords
from contour.store.people_tables import AccountRow, SessionRow, TokenRow
from contour.store.roles import Actor, Role
from contour.store.session_rows import (
    NewSession,
    SessionLimits,
    WebSession,
    end_session,
    end_sessions,
    new_session,
    session_row,
)
from contour.store.token_rows import TokenInfo, account_of_token, describe_token, new_token, token_row

__all__ = ["Account", "AccountStore"]


class AccountStore:
    """Accounts, their tokens and sessions. Every method can be called from any thread.

    What changes an account writes itself into the audit, in the same transaction; `by` is who did it. Signing in and
    out is for the caller to write down.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock_s: Callable[[], float],
        passwords: Passwords | None = None,
        limits: SessionLimits | None = None,
    ) -> None:
        self._database = database
        self._clock_s = clock_s
        self._passwords = passwords or Passwords()
        self._limits = limits or SessionLimits()

    def create(
        self,
        name: str,
        role: Role,
        password: str | None,
        *,
        full_name: str = "",
        certificate_name: str | None = None,
        by: str = CONSOLE,
    ) -> Account:
        """A new account; without a password it can only come with a token or a certificate.

        Raises:
            InputError: BAD_ACCOUNT_NAME, BAD_FULL_NAME, BAD_CERTIFICATE_NAME, WEAK_PASSWORD, ACCOUNT_EXISTS, or
                CERTIFICATE_TAKEN where another account has the certificate's name.
        """
        check_names(name, full_name, certificate_name)
        password_hash = None if password is None else self._passwords.hash_new(password, name=name)
        with self._database.write() as session:
            if row_of(session, name) is not None:
                raise InputError("another account has this name", reason="ACCOUNT_EXISTS")
            if certificate_name is not None and row_of_certificate(session, certificate_name) is not None:
                raise InputError("another account has this certificate's name", reason="CERTIFICATE_TAKEN")
            row = AccountRow(
                name=name,
                role=str(role),
                full_name=full_name,
                password_hash=password_hash,
                certificate_name=certificate_name,
                disabled=False,
                created_s=self._clock_s(),
            )
            session.add(row)
            self._note(session, by, Action.ACCOUNT_CREATED, name, role=str(role))
            return describe_account(row)

    def get(self, name: str) -> Account:
        """One account.

        Raises:
            NotFoundError: ACCOUNT_NOT_FOUND.
        """
        with self._database.read() as session:
            return describe_account(known_row(session, name))

    def listing(self) -> tuple[Account, ...]:
        """All accounts by name, disabled ones too."""
        with self._database.read() as session:
            return tuple(describe_account(row) for row in session.scalars(select(AccountRow).order_by(AccountRow.name)))

    def set_password(self, name: str, password: str, *, by: str = CONSOLE) -> None:
        """Another password; whoever is signed in with the old one no longer is.

        Raises:
            NotFoundError: ACCOUNT_NOT_FOUND.
            InputError: WEAK_PASSWORD.
        """
        self.get(name)
        password_hash = self._passwords.hash_new(password, name=name)
        with self._database.write() as session:
            known_row(session, name).password_hash = password_hash
            end_sessions(session, name)
            self._note(session, by, Action.ACCOUNT_CHANGED, name, what="password")

    def set_role(self, name: str, role: Role, *, by: str = CONSOLE) -> None:
        """Another role, from the next request on.

        Raises:
            NotFoundError: ACCOUNT_NOT_FOUND.
        """
        with self._database.write() as session:
            known_row(session, name).role = str(role)
            self._note(session, by, Action.ACCOUNT_CHANGED, name, what="role", role=str(role))

    def disable(self, name: str, *, by: str = CONSOLE) -> None:
        """Refuse whatever comes in the account's name, and end its sessions.

        Raises:
            NotFoundError: ACCOUNT_NOT_FOUND.
        """
        with self._database.write() as session:
            known_row(session, name).disabled = True
            end_sessions(session, name)
            self._note(session, by, Action.ACCOUNT_CHANGED, name, what="disabled")

    def enable(self, name: str, *, by: str = CONSOLE) -> None:
        """Take `disable` back; tokens that were not revoked are good again.

        Raises:
            NotFoundError: ACCOUNT_NOT_FOUND.
        """
        with self._database.write() as session:
            known_row(session, name).disabled = False
            self._note(session, by, Action.ACCOUNT_CHANGED, name, what="enabled")

    def check_password(self, name: str, password: str) -> Actor | None:
        """Who this is; None for a wrong password, an unknown name or a disabled account, each after the same work."""
        with self._database.read() as session:
            row = row_of(session, name)
        password_hash = row.password_hash if row is not None else None
        matches = self._passwords.matches(password, password_hash)
        if row is None or password_hash is None or not matches or row.disabled:
            return None
        renewed = self._passwords.renewed(password, password_hash)
        if renewed is not None:
            same = (AccountRow.name == name) & (AccountRow.password_hash == password_hash)
            with self._database.write() as session:
                session.execute(update(AccountRow).where(same).values(password_hash=renewed))
        return enabled_actor(row)

    def name_for_audit(self, typed: str) -> str:
        """What was typed where it is an account's name, else `NOBODY`: people type passwords into that field."""
        with self._database.read() as session:
            return typed if row_of(session, typed) is not None else NOBODY

    def make_token(self, account: str, days: int | None = 365, *, by: str = CONSOLE) -> str:
        """A new token, good for 1 to 3650 days (None: for ever). It is in no place but this answer.

        Raises:
            NotFoundError: ACCOUNT_NOT_FOUND.
            NotReadyError: ACCOUNT_DISABLED.
            InputError: BAD_TOKEN_DAYS.
        """
        with self._database.write() as session:
            if known_row(session, account).disabled:
                raise NotReadyError("the account is disabled; enable it first", reason="ACCOUNT_DISABLED")
            token_id, token = new_token(session, account, days=days, now_s=self._clock_s())
            self._note(session, by, Action.TOKEN_MADE, account, token_id=token_id, days=days or 0)
            return token

    def tokens(self, account: str) -> tuple[TokenInfo, ...]:
        """An account's tokens, newest first, revoked and expired ones too.

        Raises:
            NotFoundError: ACCOUNT_NOT_FOUND.
        """
        with self._database.read() as session:
            known_row(session, account)
            query = select(TokenRow).where(TokenRow.account == account).order_by(TokenRow.sequence.desc())
            return tuple(describe_token(row) for row in session.scalars(query))

    def revoke_token(self, token_id: str, *, by: str = CONSOLE) -> None:
        """Make a token good for nothing, for ever.

        Raises:
            NotFoundError: TOKEN_NOT_FOUND.
        """
        with self._database.write() as session:
            row = token_row(session, token_id)
            if not row.revoked:
                row.revoked = True
                self._note(session, by, Action.TOKEN_REVOKED, row.account, token_id=token_id)

    def actor_of_token(self, token: str) -> Actor | None:
        """Whose token this is; None where it is unknown, revoked, expired or the account is disabled."""
        with self._database.read() as session:
            account = account_of_token(session, token, now_s=self._clock_s())
            return None if account is None else enabled_actor(row_of(session, account))

    def actor_of_certificate(self, common_name: str) -> Actor | None:
        """Who has the certificate with this common name; the caller has checked the certificate itself."""
        with self._database.read() as session:
            return enabled_actor(row_of_certificate(session, common_name))

    def open_session(self, name: str) -> NewSession:
        """Sign a browser in, after `check_password`.

        Raises:
            NotFoundError: ACCOUNT_NOT_FOUND.
            NotReadyError: ACCOUNT_DISABLED.
        """
        with self._database.write() as session:
            if known_row(session, name).disabled:
                raise NotReadyError("the account is disabled; enable it first", reason="ACCOUNT_DISABLED")
            return new_session(session, name, now_s=self._clock_s(), limits=self._limits)

    def session_of(self, cookie: str, *, note: bool = True) -> WebSession | None:
        """Who a cookie is; None where nobody is signed in with it any more.

        `note` False for what a page asks for by itself: it then doesn't keep an absent reviewer signed in.
        """
        now_s = self._clock_s()
        with self._database.read() as session:
            row = session_row(session, cookie, now_s=now_s, limits=self._limits)
            actor = None if row is None else enabled_actor(row_of(session, row.account))
        if row is None or actor is None:
            return None
        if note and now_s - row.seen_s >= self._limits.note_s:
            with self._database.write() as session:
                session.execute(update(SessionRow).where(SessionRow.sequence == row.sequence).values(seen_s=now_s))
        return WebSession(actor=actor, csrf=row.csrf)

    def close_session(self, cookie: str) -> None:
        """Sign a browser out; nothing happens for a cookie that is nobody's."""
        with self._database.write() as session:
            end_session(session, cookie)

    def close_all(self, name: str) -> None:
        """Sign an account out everywhere."""
        with self._database.write() as session:
            end_sessions(session, name)

    def _note(self, session: Session, by: str, action: Action, name: str, **detail: str | int) -> None:
        append(session, time_s=self._clock_s(), actor=by, action=action, subject=name, detail=detail)
