"""Puts the server together, runs it until it is told to stop, and takes it apart in the right order."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

import grpc
from google.longrunning import operations_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from sqlalchemy.exc import SQLAlchemyError

from contour.errors import ConfigError, ContourError, ServiceUnavailableError
from contour.jobs.changes import Changes
from contour.jobs.course_watching import CourseWatcher
from contour.jobs.dispatcher import Dispatcher
from contour.jobs.embedded import EmbeddedExecutor
from contour.jobs.executor import Executor
from contour.jobs.work import PLAN_RUNNER, ModelFacts
from contour.listening import REQUIRED, split_address
from contour.server.adaptation_service import AdaptationServicer
from contour.server.boundary import ErrorBoundary, Places
from contour.server.callers import Callers, admit_anybody
from contour.server.config import ServerConfig
from contour.server.contouring_service import ContouringServicer
from contour.server.course_metrics import CourseReadings
from contour.server.metrics import Metrics, MetricsPage, Sources
from contour.server.model_service import ModelServicer
from contour.server.operations import JobView, OperationsServicer
from contour.server.series_service import SeriesServicer
from contour.server.settings import executor_settings, server_credentials, store_settings, watch_rules
from contour.server.sign_in import SignIn
from contour.store import Store
from contour.v1 import adaptation_pb2_grpc, contouring_pb2_grpc, models_pb2_grpc, series_pb2_grpc

log = logging.getLogger(__name__)

SERVICES = (
    "contour.v1.SeriesService",
    "contour.v1.ContouringService",
    "contour.v1.AdaptationService",
    "contour.v1.ModelService",
    "google.longrunning.Operations",
)
_SHORT_CALL_THREADS = 8
_LAST_CALLS_S = 2.0
_TIDY_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the server really listens; `metrics` is empty where it does not.

    `review` is the review page's address for a browser, empty where there is none. `nobody_has_account` is true where
    callers are asked who they are and none could say.
    """

    grpc: str
    metrics: str
    review: str = ""
    nobody_has_account: bool = False


Ready = Callable[[Addresses], None]
Beside = Callable[[Store, Changes], AbstractContextManager[str]]
"""What is served from the same store; gives its address."""


def serve(
    config: ServerConfig,
    *,
    ready: Ready = lambda _addresses: None,
    runner: str = PLAN_RUNNER,
    beside: Beside | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a graceful stop, 1 where the queue died. Call it in the main thread.

    A stop refuses new work, lets the running job end within `config.grace_s`, else puts it back into the queue; a
    second signal ends the grace.

    Args:
        config: The settings.
        ready: Called once, when calls are answered and the worker has its models loaded.
        runner: What the worker runs, as `module:function`; a constant in code, never input.
        beside: The review page; None for none.

    Raises:
        ContourError: the server cannot start.
    """
    stop, hurry = threading.Event(), threading.Event()
    with ExitStack() as stack:
        stack.enter_context(_signals(stop, hurry))
        server = _Server(config, runner, stack, beside)
        ready(server.addresses)
        log.info("serving")
        while not stop.wait(timeout=1.0):
            server.tidy()
            if not server.is_alive:
                log.critical("the queue has died; whoever started the server may start it again")
                return 1
        log.info("stopping, grace %g s", config.grace_s)
        server.stop(config.grace_s, hurry)
    log.info("stopped")
    return 0


class _Server:
    """The parts, in the order in which they need one another; each is handed to the stack to be closed."""

    def __init__(self, config: ServerConfig, runner: str, stack: ExitStack, beside: Beside | None) -> None:
        self._started, self._stopping, self._stopped = threading.Event(), threading.Event(), threading.Event()
        self._open_series_s, self._tidy_at_s = config.limits.open_series_s, 0.0
        self._changes = Changes()
        self._metrics = Metrics()
        self._store = stack.enter_context(Store(store_settings(config), clock_s=time.time))
        self._watcher = CourseWatcher(self._store, watch_rules(config))
        executor = EmbeddedExecutor(executor_settings(config, runner), restarted=self._metrics.worker_restarted)
        self._dispatcher = Dispatcher(self._store, executor, changes=self._changes, observer=self._metrics)
        self._health = health.HealthServicer()
        self._grpc, port = self._open_grpc(config, executor)
        stack.callback(self._stop_grpc)
        metrics_address = self._open_metrics(config, executor, stack)
        self._dispatcher.start()
        self._started.set()
        stack.callback(self._dispatcher.stop, 0.0)
        review = stack.enter_context(beside(self._store, self._changes)) if beside is not None else ""
        self._set_health(health_pb2.HealthCheckResponse.SERVING)
        self.addresses = Addresses(
            grpc=_address(config.listen, port),
            metrics=metrics_address,
            review=review,
            nobody_has_account=config.auth == REQUIRED and not self._store.accounts.listing(),
        )

    @property
    def is_alive(self) -> bool:
        """Whether jobs are being run."""
        return self._dispatcher.is_alive

    def tidy(self) -> None:
        """Once an hour, delete uploads that nobody has gone on with."""
        if time.monotonic() >= self._tidy_at_s:
            self._tidy_at_s = time.monotonic() + _TIDY_EVERY_S
            try:
                deleted = self._store.series.delete_stale(self._open_series_s)
            except (ContourError, SQLAlchemyError) as error:
                log.warning("old uploads could not be deleted", exc_info=error)
            else:
                log.info("%d series deleted that were never completed", deleted)

    def stop(self, grace_s: float, hurry: threading.Event) -> None:
        """Refuse new work, let the job end, then let the last calls end."""
        self._stopping.set()
        self._health.enter_graceful_shutdown()
        self._dispatcher.stop(grace_s, hurry)
        self._stopped.set()
        self._changes.announce()
        self._stop_grpc()

    def _stop_grpc(self) -> None:
        self._stopped.set()
        self._grpc.stop(_LAST_CALLS_S).wait()

    def _open_grpc(self, config: ServerConfig, executor: Executor) -> tuple[grpc.Server, int]:
        streams = config.limits.streams
        admit = Callers(self._store.accounts).admit if config.auth == REQUIRED else admit_anybody
        server = grpc.server(
            ThreadPoolExecutor(max_workers=2 * streams + _SHORT_CALL_THREADS, thread_name_prefix="call"),
            interceptors=[ErrorBoundary(self._metrics.refused), SignIn(admit, self._store.audit)],
            options=[("grpc.so_reuseport", 0)],
        )
        self._add_services(server, config, executor)
        try:
            if config.tls is None:
                port = server.add_insecure_port(config.listen)
            else:
                port = server.add_secure_port(config.listen, server_credentials(config.tls))
        except RuntimeError as error:
            raise ConfigError(f"listen: {config.listen} cannot be listened on", reason="ADDRESS_IN_USE") from error
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        server.start()
        return server, port

    def _add_services(self, server: grpc.Server, config: ServerConfig, executor: Executor) -> None:
        streams = config.limits.streams
        uploads, watches = Places(streams, "uploads"), Places(streams, "watches, waits and fetches")
        view = JobView(self._store, clock_s=time.time)

        def models() -> tuple[ModelFacts, ...]:
            if not self._started.is_set():
                raise ServiceUnavailableError("the server is starting; its models are not loaded yet")
            return executor.models()

        series_pb2_grpc.add_SeriesServiceServicer_to_server(
            SeriesServicer(self._store, self._metrics, places=uploads, stopping=self._stopping), server
        )
        contouring = ContouringServicer(
            self._store,
            self._dispatcher,
            view,
            models=models,
            queue_limit=config.limits.queued_jobs,
            changes=self._changes,
            places=watches,
            stopping=self._stopping,
            stopped=self._stopped,
        )
        contouring_pb2_grpc.add_ContouringServiceServicer_to_server(contouring, server)
        adaptation = AdaptationServicer(
            self._store,
            self._dispatcher,
            view,
            watcher=self._watcher,
            models=models,
            queue_limit=config.limits.queued_jobs,
            changes=self._changes,
            places=watches,
            stopping=self._stopping,
            stopped=self._stopped,
        )
        adaptation_pb2_grpc.add_AdaptationServiceServicer_to_server(adaptation, server)
        models_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(models), server)
        operations = OperationsServicer(
            self._store, self._dispatcher, view, changes=self._changes, places=watches, stopped=self._stopped
        )
        operations_pb2_grpc.add_OperationsServicer_to_server(operations, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)

    def _open_metrics(self, config: ServerConfig, executor: Executor, stack: ExitStack) -> str:
        self._metrics.watch(
            Sources(
                jobs_by_state=self._store.jobs.count_by_state,
                store_bytes=lambda: self._store.files.used_bytes,
                worker_bytes=executor.memory_bytes,
                models=executor.models,
            )
        )
        self._metrics.registry.register(CourseReadings(self._watcher.overview, ceiling=config.metrics_courses))
        if not config.metrics_listen:
            return ""
        page = MetricsPage(self._metrics, *split_address(config.metrics_listen))
        stack.callback(page.close)
        return _address(config.metrics_listen, page.port)

    def _set_health(self, status: int) -> None:
        for service in ("", *SERVICES):
            self._health.set(service, status)


@contextmanager
def _signals(stop: threading.Event, hurry: threading.Event) -> Iterator[None]:
    """The first SIGTERM or SIGINT asks to stop, the next to hurry."""

    def heard(_number: int, _frame: FrameType | None) -> None:
        (hurry if stop.is_set() else stop).set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, heard) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _address(asked: str, port: int) -> str:
    return f"{asked.rpartition(':')[0]}:{port}"
