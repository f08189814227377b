"""Opens accounts and audit beside a server that may be running: without the lock that its data folder has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from contour.errors import ConfigError
from contour.store.account_store import AccountStore
from contour.store.audit_store import AuditStore
from contour.store.database import Database


class People:
    """`accounts` and `audit` of a data folder. A context manager."""

    def __init__(self, database: Database, *, clock_s: Callable[[], float]) -> None:
        self._database = database
        self.accounts = AccountStore(database, clock_s=clock_s)
        self.audit = AuditStore(database, clock_s=clock_s)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> People:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_people(
    data_dir: Path, database_url: str = "", *, clock_s: Callable[[], float], create: bool = False
) -> People:
    """Accounts and audit of the data folder that `contour serve` uses, whether or not it runs.

    Args:
        data_dir: The folder.
        database_url: Empty for SQLite in the folder.
        clock_s: Seconds since the epoch.
        create: Make folder and database where they are not there yet.

    Raises:
        ConfigError: there is no database and none is to be made (NO_DATA_DIR), the folder can't be made
            (DATA_DIR_UNUSABLE), the database can't be opened, or describes another folder (DATA_DIR_MISMATCH).
    """
    folder = data_dir.absolute()
    if create:
        _make(folder)
    elif not (folder / "contour.db" if not database_url else folder).exists():
        raise ConfigError(
            "found no database of contour in the data folder, expected the one that 'contour serve' uses "
            "(--data or --config)",
            reason="NO_DATA_DIR",
        )
    database = Database(database_url or f"sqlite:///{folder / 'contour.db'}")
    known_as = folder / "store-id"
    if known_as.exists() and known_as.read_text(encoding="ascii") != database.store_id:
        database.close()
        raise ConfigError(
            "the data folder belongs to another database than the one given, expected the two that were made together",
            reason="DATA_DIR_MISMATCH",
        )
    return People(database, clock_s=clock_s)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the data folder cannot be used: {error.strerror}", reason="DATA_DIR_UNUSABLE") from error
