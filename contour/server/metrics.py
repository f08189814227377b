"""What Prometheus is told. A registry per server; no label comes from input."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.server import HTTPServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import contour
from contour.errors import ConfigError, ContourError, InputError
from contour.jobs.memory import resident_bytes
from contour.jobs.work import ModelFacts
from contour.progress import DAILY_STAGES, STAGES
from contour.store.records import InstanceVerdict, Job, JobState, Verdict

_REASON = re.compile(r"[A-Z][A-Z0-9_]{1,47}")
_MOST_REASONS = 100
_ALL_STAGES = tuple(dict.fromkeys((*STAGES, *DAILY_STAGES)))
_STAGE_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where figures are read at each scrape."""

    jobs_by_state: Callable[[], dict[JobState, int]]
    store_bytes: Callable[[], int]
    worker_bytes: Callable[[], int]
    models: Callable[[], tuple[ModelFacts, ...]]


class Metrics:
    """The counters, and the registry that a scrape reads. Also the dispatcher's `Observer`."""

    def __init__(self, *, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._reasons: set[str] = set()
        self._ended = Counter(
            "contour_jobs_ended_total", "Jobs that are over, by outcome.", ["outcome", "reason"], registry=self.registry
        )
        self._stages = Histogram(
            "contour_stage_duration_seconds",
            "Time per stage of jobs.",
            ["stage"],
            buckets=_STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self._rejected = Counter(
            "contour_inputs_rejected_total",
            "Files, series and requests that were rejected.",
            ["reason"],
            registry=self.registry,
        )
        self._verdicts = Counter(
            "contour_instances_total", "Uploaded instances, by verdict.", ["verdict"], registry=self.registry
        )
        self._uploaded = Counter(
            "contour_uploaded_bytes_total", "Bytes of instances that have come in.", registry=self.registry
        )
        self._refused = Counter(
            "contour_calls_refused_total", "Calls answered with an error.", ["reason"], registry=self.registry
        )
        self._restarts = Counter(
            "contour_worker_restarts_total", "Workers that were replaced.", ["reason"], registry=self.registry
        )
        self._fractions = Counter(
            "contour_fractions_total",
            "Fractions that were worked out, by verdict.",
            ["verdict"],
            registry=self.registry,
        )
        for fraction_verdict in ("PASS", "LOOK", "REFUSE"):
            self._fractions.labels(verdict=fraction_verdict)
        build = Gauge("contour_build_info", "Version of this software.", ["version"], registry=self.registry)
        build.labels(version=contour.__version__).set(1)
        for stage in _ALL_STAGES:
            self._stages.labels(stage=stage)
        for verdict in Verdict:
            self._verdicts.labels(verdict=verdict.value)

    def watch(self, sources: Sources) -> None:
        """Read these at each scrape from now on."""
        self.registry.register(_Readings(sources))

    def job_ended(self, job: Job) -> None:
        """Count a job that is over and its stages."""
        reason = "" if job.failure is None else self._bounded(job.failure.reason)
        self._ended.labels(outcome=job.state.value, reason=reason).inc()
        if job.failure is not None and job.failure.error in {"InputError", "SeriesRejectedError"}:
            self._rejected.labels(reason=reason).inc()
        if job.result is not None and job.result.fraction is not None:
            self._fractions.labels(verdict=job.result.fraction.verdict).inc()
        if job.result is not None:
            for stage, elapsed_s in job.result.stages:
                if stage in _ALL_STAGES:
                    self._stages.labels(stage=stage).observe(elapsed_s)

    def judged(self, verdict: InstanceVerdict) -> None:
        """Count an instance."""
        self._verdicts.labels(verdict=verdict.verdict.value).inc()
        if verdict.verdict in {Verdict.REJECTED, Verdict.CONFLICT} and verdict.finding is not None:
            self._rejected.labels(reason=self._bounded(verdict.finding.reason)).inc()

    def uploaded(self, size_bytes: int) -> None:
        """Count bytes."""
        self._uploaded.inc(size_bytes)

    def refused(self, error: ContourError) -> None:
        """Count a call that was answered with an error."""
        reason = self._bounded(error.reason)
        self._refused.labels(reason=reason).inc()
        if isinstance(error, InputError):
            self._rejected.labels(reason=reason).inc()

    def worker_restarted(self, reason: str) -> None:
        """Count a worker that was replaced."""
        self._restarts.labels(reason=self._bounded(reason)).inc()

    def _bounded(self, reason: str) -> str:
        """A reason code of ours; whatever does not look like one, or comes after a hundred others, is OTHER."""
        if reason in self._reasons:
            return reason
        if _REASON.fullmatch(reason) is None or len(self._reasons) >= _MOST_REASONS:
            return "OTHER"
        self._reasons.add(reason)
        return reason


class _Readings(Collector):
    """Figures that are read rather than counted."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        """As they are now."""
        yield from self._jobs()
        memory = GaugeMetricFamily(
            "contour_resident_memory_bytes", "Resident memory of the server and its worker.", labels=["process"]
        )
        memory.add_metric(["server"], resident_bytes(os.getpid()))
        memory.add_metric(["worker"], self._sources.worker_bytes())
        yield memory
        yield GaugeMetricFamily(
            "contour_store_bytes", "Size of all series, uploads and results.", value=self._sources.store_bytes()
        )
        models = GaugeMetricFamily("contour_model_info", "Installed models.", labels=["model", "version", "default"])
        for model in self._sources.models():
            models.add_metric([model.name, model.version, str(model.is_default).lower()], 1)
        yield models

    def _jobs(self) -> Iterator[Metric]:
        counts = self._sources.jobs_by_state()
        jobs = GaugeMetricFamily("contour_jobs", "Jobs in the store, by state.", labels=["state"])
        for state, count in counts.items():
            jobs.add_metric([state.value], count)
        yield jobs
        yield GaugeMetricFamily("contour_queue_depth", "Jobs that wait.", value=counts[JobState.QUEUED])


class MetricsPage:
    """/metrics over HTTP on an address of its own."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        """Start it.

        Raises:
            ConfigError: the address cannot be listened on (ADDRESS_IN_USE).
        """
        try:
            server, self._thread = start_http_server(port, addr=host, registry=metrics.registry)
        except OSError as error:
            raise ConfigError(
                f"metrics_listen: port {port} cannot be listened on: {error.strerror}", reason="ADDRESS_IN_USE"
            ) from error
        self._server: HTTPServer = server
        self.port = int(server.server_port)

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
