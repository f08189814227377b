"""What a job needs to be run anywhere, and who runs it; plain values that pass through a pipe as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from contour.progress import Progress
from contour.store.json_form import inputs_from_json
from contour.store.records import FractionInputs, JobResult

PLAN_RUNNER = "contour.jobs.service_runner:open_runner"
"""The runner of the product: contours planning CTs and works out fractions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkInstance:
    """One instance of the series: what messages call it, and where its bytes are."""

    label: str
    path: str

    def read_bytes(self) -> bytes:
        """The whole Part 10 file."""
        return Path(self.path).read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFile:
    """The structure set that a model drew on the plan CT."""

    path: str
    model: str
    model_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionWork:
    """What a fraction needs beside the day's scan."""

    plan: tuple[WorkInstance, ...]
    structures: tuple[WorkInstance, ...]
    dose: tuple[WorkInstance, ...]
    inputs: FractionInputs
    drawn: DrawnFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A job to run. Two runs of the same work give the same bytes: its clock and its UIDs are the job's.

    `result_path` is where the structure set, or a fraction's archive, is to be written. `instances` are the scan's.
    """

    job_id: str
    instances: tuple[WorkInstance, ...]
    series_instance_uid: str | None
    model: str
    structures: tuple[str, ...] | None
    created_s: float
    result_path: str
    fraction: FractionWork | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolRow:
    """One structure of a protocol: how it comes about, and whether it is written."""

    name: str
    how: str
    keep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolFacts:
    """What a protocol says beside what a model does: the models it uses, its rows, and the whole as TOML."""

    models: tuple[str, ...]
    rows: tuple[ProtocolRow, ...]
    toml: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A model that a worker can run, or a protocol, which is asked for in the same way.

    `card` is its model card, Markdown; a protocol has none.
    """

    name: str
    version: str
    structures: tuple[str, ...]
    summary: str
    card: str
    is_default: bool
    protocol: ProtocolFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """Where a runner finds its models; `default_model` empty: the one that the model store calls the default.

    With `exact`, label-map models answer as nnU-Net's own predictor would.
    """

    model_folders: tuple[str, ...] = ()
    default_model: str = ""
    exact: bool = False


class Runner(Protocol):
    """Runs jobs, one after the other, keeping warm what they share. Lives in a worker."""

    def models(self) -> tuple[ModelFacts, ...]:
        """What it can contour with."""
        ...

    def run(self, work: Work, progress: Progress) -> JobResult:
        """Run one job and write its file."""
        ...


def work_to_json(work: Work) -> dict[str, Any]:
    """Work as plain JSON."""
    return asdict(work)


def work_from_json(form: dict[str, Any]) -> Work:
    """The work that `work_to_json` was given."""
    structures = form["structures"]
    return Work(
        **{
            **form,
            "instances": tuple(WorkInstance(**instance) for instance in form["instances"]),
            "structures": None if structures is None else tuple(structures),
            "fraction": _fraction_from_json(form.get("fraction")),
        }
    )


def _fraction_from_json(form: dict[str, Any] | None) -> FractionWork | None:
    if form is None:
        return None
    plan, structures, dose = (
        tuple(WorkInstance(**instance) for instance in form[group]) for group in ("plan", "structures", "dose")
    )
    drawn = form.get("drawn")
    return FractionWork(
        plan=plan,
        structures=structures,
        dose=dose,
        inputs=inputs_from_json(form["inputs"]),
        drawn=None if drawn is None else DrawnFile(**drawn),
    )


def model_from_json(form: dict[str, Any]) -> ModelFacts:
    """The facts that `asdict` was given."""
    protocol = form.get("protocol")
    return ModelFacts(
        **{
            **form,
            "structures": tuple(form["structures"]),
            "protocol": None if protocol is None else _protocol_from_json(protocol),
        }
    )


def _protocol_from_json(form: dict[str, Any]) -> ProtocolFacts:
    rows = tuple(ProtocolRow(**row) for row in form["rows"])
    return ProtocolFacts(models=tuple(form["models"]), rows=rows, toml=form["toml"])


def settings_from_json(form: dict[str, Any]) -> RunnerSettings:
    """The settings that `asdict` was given."""
    return RunnerSettings(
        model_folders=tuple(form["model_folders"]), default_model=form["default_model"], exact=form["exact"]
    )
