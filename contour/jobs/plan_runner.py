"""The planning walk as a worker runs it: instances from the store in, a structure set file out, models kept warm."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from contour.dicom.ct_reader import read_ct_instances
from contour.errors import ContourError, ModelError
from contour.jobs.contourers import contourer_named
from contour.jobs.plan import PlanResult, plan_contours
from contour.jobs.uids import uids_of
from contour.jobs.work import ModelFacts, ProtocolFacts, ProtocolRow, RunnerSettings, Work
from contour.progress import Progress
from contour.segmentation import Model, ModelCard, ModelStore, best_device, shipped_models_folder
from contour.segmentation.protocol_spec import ProtocolSpec, how
from contour.segmentation.protocol_store import ProtocolStore, check_models
from contour.store.records import JobResult, ResultRemoval, ResultRow

log = logging.getLogger(__name__)

_WARM_MODELS = 3


class PlanRunner:
    """A `Runner` that contours planning CTs, with a model or as a protocol says; the default may be either."""

    def __init__(
        self, store: ModelStore, *, default_model: str, protocols: ProtocolStore | None = None, exact: bool = False
    ) -> None:
        self._store = store
        self._exact = exact
        self._protocols = protocols or ProtocolStore(())
        self._default_model = default_model
        self._warm: dict[str, Model] = {}
        if default_model in store.names():
            self.model(default_model)

    def models(self) -> tuple[ModelFacts, ...]:
        """Every installed model that is what its manifest says, and every protocol whose models are there."""
        facts: list[ModelFacts] = []
        for name in self._store.names():
            try:
                facts.append(_facts(self._store.card(name), is_default=name == self._default_model))
            except ModelError as error:
                log.warning("a model cannot be used", exc_info=error)
        for name in self._protocols.names():
            try:
                protocol = self._protocols.get(name)
                check_models(protocol, self._store.card)
            except ContourError as error:
                log.warning("a protocol cannot be used", exc_info=error)
            else:
                facts.append(_protocol_facts(protocol, is_default=name == self._default_model))
        return tuple(facts)

    def run(self, work: Work, progress: Progress) -> JobResult:
        """Read, contour, write and verify; the file is at `work.result_path` on return."""
        progress("read", 0.0)
        started_s = time.perf_counter()
        series = read_ct_instances(
            work.instances,
            series_instance_uid=work.series_instance_uid,
            on_fraction=lambda fraction: progress("read", fraction),
        )
        read_s = time.perf_counter() - started_s
        contourer = contourer_named(work.model, self._store, self._protocols, self.model)
        result = plan_contours(
            series,
            contourer,
            structures=work.structures,
            now=datetime.fromtimestamp(work.created_s, UTC).astimezone(),
            uid_source=uids_of(work.job_id),
            progress=progress,
        )
        Path(work.result_path).write_bytes(result.rtstruct)
        return _job_result(result, read_s, contourer.version)

    def model(self, name: str) -> Model:
        """A loaded model; the one used longest ago makes room."""
        model = self._warm.pop(name, None) or self._store.load(name, device=best_device(), exact=self._exact)
        self._warm[name] = model
        while len(self._warm) > _WARM_MODELS:
            del self._warm[next(iter(self._warm))]
        return model


def open_plan_runner(settings: RunnerSettings) -> PlanRunner:
    """The product's runner, its default model loaded.

    Raises:
        ModelError: the default model is broken or not what its manifest says.
    """
    folders = (*(Path(folder) for folder in settings.model_folders), shipped_models_folder())
    return PlanRunner(
        ModelStore(folders),
        default_model=settings.default_model,
        protocols=ProtocolStore(folders),
        exact=settings.exact,
    )


def _facts(card: ModelCard, *, is_default: bool) -> ModelFacts:
    return ModelFacts(
        name=card.name,
        version=card.version,
        structures=card.structures,
        summary=f"{card.region}, {len(card.structures)} structures, {card.licence}",
        card=card.text,
        is_default=is_default,
    )


def _protocol_facts(protocol: ProtocolSpec, *, is_default: bool) -> ModelFacts:
    return ModelFacts(
        name=protocol.name,
        version=protocol.version,
        structures=protocol.structures,
        summary=protocol.description,
        card="",
        is_default=is_default,
        protocol=ProtocolFacts(
            models=protocol.models,
            rows=tuple(ProtocolRow(name=one.name, how=how(one), keep=one.keep) for one in protocol.entries),
            toml=protocol.text,
        ),
    )


def _job_result(result: PlanResult, read_s: float, model_version: str) -> JobResult:
    return JobResult(
        sop_instance_uid=result.sop_instance_uid,
        model_version=model_version,
        rows=tuple(
            ResultRow(
                name=row.name,
                volume_ml=row.volume_ml,
                slices=row.slices,
                elapsed_s=row.seconds,
                predicted_dice=row.predicted_dice,
                proposal=row.proposal,
                look_of=row.look_of,
            )
            for row in result.rows
        ),
        stages=(("read", read_s), *result.stage_seconds),
        warnings=result.warnings,
        removals=tuple(
            ResultRemoval(structure=one.name, rule=removal.rule, parts=removal.parts, volume_ml=removal.volume_ml)
            for one in result.removals
            for removal in one.removals
        ),
    )
