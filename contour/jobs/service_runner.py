"""The service's runner: one worker does both walks and shares its warm models between them."""

from __future__ import annotations

from contour.jobs.fraction_runner import run_fraction
from contour.jobs.plan_runner import PlanRunner, open_plan_runner
from contour.jobs.work import ModelFacts, RunnerSettings, Work
from contour.progress import Progress
from contour.store.records import JobResult


class ServiceRunner:
    """A `Runner` for both kinds of jobs."""

    def __init__(self, plans: PlanRunner) -> None:
        self._plans = plans

    def models(self) -> tuple[ModelFacts, ...]:
        """Every installed model that is what its manifest says."""
        return self._plans.models()

    def run(self, work: Work, progress: Progress) -> JobResult:
        """Run a job and write its file."""
        if work.fraction is None:
            return self._plans.run(work, progress)
        return run_fraction(work, work.fraction, self._plans.model(work.model), progress)


def open_runner(settings: RunnerSettings) -> ServiceRunner:
    """The product's runner, its default model loaded.

    Raises:
        ModelError: the default model is broken or not what its manifest says.
    """
    return ServiceRunner(open_plan_runner(settings))
