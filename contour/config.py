"""One TOML file, one frozen configuration; a key that is not known is an error at start.

Every key with its default, but for the models' folders:

    listen = "127.0.0.1:50051"        # gRPC
    metrics = "127.0.0.1:9464"        # Prometheus' /metrics over HTTP; "" for none
    data = "contour-data"             # jobs and series; from this file's folder, or the working one if left out
    auth = "required"                 # "off": nobody is asked who they are, and everything listens on loopback alone
    allow_insecure_remote = false     # without TLS: let it listen beyond this machine, behind what has TLS
    database_url = ""                 # "" for SQLite in the data folder
    grace_s = 30.0                    # for the running job after SIGTERM
    log_level = "INFO"

    [tls]                             # none by default; gRPC and the review page are then encrypted
    certificate = "server.pem"        # with those between it and its authority
    key = "server.key"                # without a password
    client_ca = "clients.pem"         # none by default; gRPC's callers then need a certificate that it has signed

    [review]
    listen = "127.0.0.1:8080"         # the review page; "" for none
    approvers = ["physician", "physicist"]  # roles that approve and reject
    hosts = []                        # names that browsers know it by, beyond localhost and its address
    four_eyes = false                 # true: who edited can't approve
    session_idle_s = 1800.0           # after which somebody who does nothing is signed out
    session_most_s = 43200.0          # after which everybody is

    [models]
    folders = ["/srv/contour/models"] # searched before the installed ones
    default = "head_neck"
    exact = false                     # true: imported models answer exactly as nnU-Net's own predictor, slowly

    [watch]
    rules = "watch.toml"              # none by default; what differs from contour/adaptation/watch/rules.toml
    metrics_courses = 100             # of how many courses /metrics tells, those that most need a look first

    [limits]                          # contour.server.config.ServerLimits
    queued_jobs = 100
    worker_memory_bytes = 0
"""

from __future__ import annotations

import tomllib
import types
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from contour.errors import ConfigError
from contour.listening import REQUIRED, TlsFiles
from contour.review.config import ReviewConfig
from contour.server.config import ServerConfig, ServerLimits
from contour.store.roles import Permission, Role, allowed
from contour.store.session_rows import SessionLimits

_T = TypeVar("_T")

DEFAULT_MODEL = "head_neck"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Where models are found, and which one is used when none is named."""

    folders: tuple[Path, ...] = ()
    default: str = DEFAULT_MODEL
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """When a course is worth a look, and how many courses a scrape tells of."""

    rules: Path | None = None
    metrics_courses: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """The review page: where it listens, who approves, and how long somebody stays signed in. `listen` empty: none.

    Raises:
        ConfigError: a role that may not decide, none at all, or times that cannot be.
    """

    listen: str = "127.0.0.1:8080"
    hosts: tuple[str, ...] = ()
    approvers: tuple[str, ...] = (Role.PHYSICIAN.value, Role.PHYSICIST.value)
    four_eyes: bool = False
    session_idle_s: float = 1800.0
    session_most_s: float = 43200.0

    def __post_init__(self) -> None:
        deciding = tuple(role.value for role in Role if allowed(role, Permission.DECIDE))
        if not self.approvers or not set(self.approvers) <= set(deciding):
            raise ConfigError(f"review.approvers is {list(self.approvers)}, expected one or more of {list(deciding)}")
        if not 60.0 <= self.session_idle_s <= self.session_most_s:
            raise ConfigError(
                f"review.session_idle_s is {self.session_idle_s:g}, "
                f"expected 60 to session_most_s, which is {self.session_most_s:g}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that a site can set. Relative paths in a file are relative to that file's folder."""

    listen: str = "127.0.0.1:50051"
    metrics: str = "127.0.0.1:9464"
    data: Path = Path("contour-data")
    auth: str = REQUIRED
    allow_insecure_remote: bool = False
    database_url: str = field(default="", repr=False)
    grace_s: float = 30.0
    log_level: str = "INFO"
    tls: TlsFiles | None = None
    review: ReviewSettings = field(default_factory=ReviewSettings)
    models: ModelSettings = field(default_factory=ModelSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    limits: ServerLimits = field(default_factory=ServerLimits)

    def for_review(self) -> ReviewConfig | None:
        """What the review page is served with; None where there is none.

        Raises:
            ConfigError: a value that it refuses.
        """
        if not self.review.listen:
            return None
        return ReviewConfig(
            listen=self.review.listen,
            auth=self.auth,
            tls=self.tls,
            allow_insecure_remote=self.allow_insecure_remote,
            hosts=self.review.hosts,
        )

    def for_server(self) -> ServerConfig:
        """What the server is started with.

        Raises:
            ConfigError: a value that the server refuses.
        """
        return ServerConfig(
            data_dir=self.data,
            listen=self.listen,
            metrics_listen=self.metrics,
            auth=self.auth,
            tls=self.tls,
            allow_insecure_remote=self.allow_insecure_remote,
            model_folders=self.models.folders,
            default_model=self.models.default,
            exact=self.models.exact,
            database_url=self.database_url,
            grace_s=self.grace_s,
            log_level=self.log_level,
            watch_rules=self.watch.rules,
            metrics_courses=self.watch.metrics_courses,
            limits=self.limits,
            sessions=SessionLimits(idle_s=self.review.session_idle_s, most_s=self.review.session_most_s),
        )


def load_config(path: Path | None) -> Config:
    """The configuration in a file, or the defaults where there is none.

    Raises:
        ConfigError: not TOML, an unknown key, or a value of the wrong type (BAD_CONFIG).
    """
    if path is None:
        return Config()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration is not TOML: {error}") from error
    return read_table(Config, table, folder=path.absolute().parent)


def read_table(kind: type[_T], table: dict[str, Any], *, folder: Path, prefix: str = "") -> _T:
    """A dataclass from a TOML table: its fields are the keys, its defaults fill in what is missing.

    Raises:
        ConfigError: an unknown or missing key, a value of the wrong type, or one that the class refuses (BAD_CONFIG).
    """
    hints = get_type_hints(kind)
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise ConfigError(f"unknown key {prefix}{key}; known are {', '.join(prefix + name for name in known)}")
    values = {key: _value(hints[key], value, folder=folder, key=prefix + key) for key, value in table.items()}
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{prefix.rstrip('.') or 'configuration'}: {error}") from error


def _value(kind: Any, value: Any, *, folder: Path, key: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        kind = next(option for option in get_args(kind) if option is not type(None))
        origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return read_table(kind, value, folder=folder, prefix=f"{key}.")
    if origin is tuple and isinstance(value, list):
        item = get_args(kind)[0]
        return tuple(_value(item, entry, folder=folder, key=f"{key}[{n}]") for n, entry in enumerate(value))
    if kind is Path and isinstance(value, str):
        return folder / Path(value).expanduser()
    if kind is float and type(value) in (int, float):
        return float(value)
    if kind in (str, int, bool) and type(value) is kind:
        return value
    expected = "a table" if is_dataclass(kind) else "a list" if origin is tuple else getattr(kind, "__name__", kind)
    raise ConfigError(f"{key} is {value!r}; expected {'text' if kind in (str, Path) else expected}")
