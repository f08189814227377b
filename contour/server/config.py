"""What a site can set of the server.

Whoever calls has to have an account: a token in the call, or a certificate that the connection was made with. Without a
`tls` certificate tokens travel as they are; the service then listens on the loopback interface only, unless
`allow_insecure_remote` says that something in front of it (a TLS proxy, a container network) keeps strangers out.
With `auth` off nobody is asked, and nothing but the loopback interface is listened on, whatever else is set. The
metrics have neither TLS nor a log-in: beyond this machine they too need `allow_insecure_remote`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from contour.errors import ConfigError
from contour.listening import OFF, REQUIRED, TlsFiles, check_listener, split_address
from contour.store.session_rows import SessionLimits

__all__ = ["ServerConfig", "ServerLimits", "split_address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """How much the server takes on; what goes beyond is refused by name.

    Args:
        instance_bytes: Of one uploaded instance.
        instances_per_series: Files of one series, refused ones included.
        store_bytes: Of all series, uploads and results together.
        queued_jobs: Jobs that may wait.
        job_s: Time that one job may take.
        job_attempts: How often a job is started again after the server died during it.
        worker_memory_bytes: Resident memory of the worker; 0 for as much as there is.
        open_series_s: After which a series that was never completed is deleted with what had arrived of it.
        streams: Uploads, and watches and waits, each, at the same time.
    """

    instance_bytes: int = 256 * 2**20
    instances_per_series: int = 5000
    store_bytes: int = 200 * 2**30
    queued_jobs: int = 100
    job_s: float = 3600.0
    job_attempts: int = 3
    worker_memory_bytes: int = 0
    open_series_s: float = 7 * 86400.0
    streams: int = 12

    def __post_init__(self) -> None:
        for name in self.__slots__:
            least = 0 if name == "worker_memory_bytes" else 1
            if getattr(self, name) < least:
                raise ConfigError(f"limits.{name} is {getattr(self, name)}, expected at least {least}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The server's settings. Addresses are HOST:PORT; port 0 takes a free one, an empty `metrics_listen` none.

    `auth` is "required" or "off". `watch_rules` is a file for `read_watch_rules`, `metrics_courses` how many courses
    /metrics tells of.

    Raises:
        ConfigError: an address that is not HOST:PORT, or one that strangers could reach (INSECURE_REMOTE).
    """

    data_dir: Path
    listen: str = "127.0.0.1:50051"
    metrics_listen: str = "127.0.0.1:9464"
    auth: str = REQUIRED
    tls: TlsFiles | None = None
    allow_insecure_remote: bool = False
    model_folders: tuple[Path, ...] = ()
    default_model: str = ""
    exact: bool = False
    database_url: str = field(default="", repr=False)
    grace_s: float = 30.0
    log_level: str = "INFO"
    watch_rules: Path | None = None
    metrics_courses: int = 100
    limits: ServerLimits = field(default_factory=ServerLimits)
    sessions: SessionLimits = field(default_factory=SessionLimits)

    def __post_init__(self) -> None:
        if self.metrics_courses < 0:
            raise ConfigError(f"watch.metrics_courses is {self.metrics_courses}, expected at least 0")
        if self.auth not in {REQUIRED, OFF}:
            raise ConfigError(f"auth is {self.auth!r}, expected {REQUIRED} or {OFF}")
        self._check_listener("listen", self.listen, encrypted=self.tls is not None)
        if self.metrics_listen:
            self._check_listener("metrics_listen", self.metrics_listen, encrypted=False)
        if self.grace_s < 0:
            raise ConfigError(f"grace_s is {self.grace_s:g}, expected at least 0")
        if self.log_level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise ConfigError(f"log_level is {self.log_level!r}, expected DEBUG, INFO, WARNING, ERROR or CRITICAL")

    def _check_listener(self, name: str, address: str, *, encrypted: bool) -> None:
        check_listener(
            name, address, auth=self.auth, encrypted=encrypted, allow_insecure_remote=self.allow_insecure_remote
        )
