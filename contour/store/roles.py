"""Who may do what: roles, permissions, and the one table between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is in the clinic; `service` is a planning system, not a person."""

    DOSIMETRIST = "dosimetrist"
    PHYSICIST = "physicist"
    PHYSICIAN = "physician"
    SERVICE = "service"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """What can be allowed."""

    VIEW = "view"
    """See a case: images, structures, reports."""
    EDIT = "edit"
    """Change structures under review."""
    DECIDE = "decide"
    """Approve, reject and reopen."""
    DOWNLOAD = "download"
    """Take structure sets and reports away."""
    SUBMIT = "submit"
    """Upload series, ask for plans and fractions, cancel."""
    WATCH = "watch"
    """Metrics, courses, queue."""
    ADMINISTER = "administer"
    """Accounts and the audit."""


_ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.DOSIMETRIST: frozenset(
        {Permission.VIEW, Permission.EDIT, Permission.DOWNLOAD, Permission.SUBMIT, Permission.WATCH}
    ),
    Role.PHYSICIST: frozenset(
        {
            Permission.VIEW,
            Permission.EDIT,
            Permission.DECIDE,
            Permission.DOWNLOAD,
            Permission.SUBMIT,
            Permission.WATCH,
        }
    ),
    Role.PHYSICIAN: frozenset(
        {Permission.VIEW, Permission.EDIT, Permission.DECIDE, Permission.DOWNLOAD, Permission.WATCH}
    ),
    Role.SERVICE: frozenset({Permission.SUBMIT, Permission.DOWNLOAD, Permission.WATCH}),
    Role.ADMINISTRATOR: frozenset({Permission.ADMINISTER, Permission.WATCH, Permission.VIEW}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody whose word on who they are was checked."""

    name: str
    role: Role


def allowed(role: Role, permission: Permission) -> bool:
    """True where the role may do it."""
    return permission in _ALLOWED[role]


def permissions_of(role: Role) -> tuple[Permission, ...]:
    """Everything that a role may do, in the order of `Permission`."""
    return tuple(permission for permission in Permission if allowed(role, permission))
