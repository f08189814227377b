"""Who calls: the account behind a call's token, else behind the certificate that its connection was made with."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

import grpc

from contour.errors import NotAllowedError, NotSignedInError, ResourceLimitError
from contour.server.permissions import NEEDED, SIGNED_IN
from contour.store.account_store import AccountStore
from contour.store.attempts import AttemptLimit
from contour.store.audit_chain import AUTH_OFF
from contour.store.roles import Actor, Permission, allowed

log = logging.getLogger(__name__)

MOST_WRONG_TOKENS = 30
WRONG_TOKENS_PER_S = 60.0
_MOST_KNOWN_TOKENS = 1000
_SCHEME = "bearer "


class Callers:
    """Lets in whoever has an account that may call the method.

    An address from which many wrong tokens came is not listened to for a while, except with a token that was good
    before: behind a proxy, all callers have one address.
    """

    def __init__(self, accounts: AccountStore, *, attempts: AttemptLimit | None = None) -> None:
        self._accounts = accounts
        if attempts is None:
            attempts = AttemptLimit(MOST_WRONG_TOKENS, WRONG_TOKENS_PER_S, clock_s=time.monotonic)
        self._attempts = attempts
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, method: str, context: grpc.ServicerContext) -> str:
        """The name of the account that calls.

        Raises:
            NotSignedInError: neither a token nor a certificate of an account that is enabled (NOT_SIGNED_IN).
            NotAllowedError: the account's role may not call this method (NOT_ALLOWED).
            ResourceLimitError: too many wrong tokens came from this address (TOO_MANY_ATTEMPTS).
        """
        actor = self._actor(context)
        needed = NEEDED.get(method)
        if needed == SIGNED_IN or (isinstance(needed, Permission) and allowed(actor.role, needed)):
            return actor.name
        expected = f"one that may {needed}" if needed else "none: nobody may call this method"
        raise NotAllowedError(f"the account's role is {actor.role}, expected {expected}")

    def _actor(self, context: grpc.ServicerContext) -> Actor:
        given = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
        if given:
            return self._actor_of_token(given, address_of(context.peer()))
        name = _common_name(context)
        actor = self._accounts.actor_of_certificate(name) if name else None
        if actor is None:
            found = "the certificate is no account's" if name else "the call brings nothing to know its caller by"
            raise NotSignedInError(f"{found}; expected a token, 'authorization: Bearer ct_...'")
        return actor

    def _actor_of_token(self, given: list[str | bytes], address: str) -> Actor:
        text = given[0] if len(given) == 1 and isinstance(given[0], str) else ""
        token = text[len(_SCHEME) :].strip() if text.lower().startswith(_SCHEME) else ""
        digest = hashlib.sha256(token.encode()).digest()
        if digest not in self._known and self._attempts.is_blocked(address):
            raise ResourceLimitError(
                "too many wrong tokens came from this address; try again in a minute", reason="TOO_MANY_ATTEMPTS"
            )
        actor = self._accounts.actor_of_token(token) if token else None
        if actor is None:
            self._attempts.failed(address)
            with self._lock:
                self._known.pop(digest, None)
            log.warning("a call with a wrong token came from %s", address)
            raise NotSignedInError(
                "the token is unknown, expired, revoked or of an account that is disabled; "
                "expected one 'authorization: Bearer ct_...'"
            )
        with self._lock:
            self._known[digest] = None
            self._known.move_to_end(digest)
            if len(self._known) > _MOST_KNOWN_TOKENS:
                self._known.popitem(last=False)
        return actor


def admit_anybody(_method: str, _context: grpc.ServicerContext) -> str:
    """Where `auth` is off."""
    return AUTH_OFF


def address_of(peer: str) -> str:
    """The address in gRPC's name of a peer; of IPv6 the network, since a host there has as many as it likes."""
    kind, _, rest = unquote(peer).partition(":")
    host = rest.rpartition(":")[0].strip("[]").partition("%")[0]
    if kind != "ipv6":
        return host or peer
    try:
        return str(ipaddress.ip_network(f"{host}/64", strict=False))
    except ValueError:
        return peer


def _common_name(context: grpc.ServicerContext) -> str:
    """Of the certificate, which gRPC has checked against `client_ca` already; "" where there is none."""
    found: Mapping[str, Sequence[bytes]] = context.auth_context()  # type: ignore[assignment]  # lists, in truth
    names = tuple(found.get("x509_common_name") or ())
    if len(names) != 1:
        return ""
    try:
        return names[0].decode("utf-8")
    except UnicodeDecodeError:
        return ""
