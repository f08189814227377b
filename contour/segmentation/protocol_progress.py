"""Several models' progress as one walk: the stages in their order, never backwards."""

from __future__ import annotations

from contour.progress import STAGES, Progress

_SHARE_OF_NETWORK = 0.9
_BEGINS = {"body": 0.0, "network": 0.0, "restore": 0.9, "clean-up": 0.95}
_SHARE = {"body": 0.0, "network": _SHARE_OF_NETWORK, "restore": 0.05, "clean-up": 0.05}
"""Of a model that is not the last: where each stage begins in its part of the joint network stage, and its share."""

_CLEAN_UP, _WHEN_DERIVING = "clean-up", 0.5


class JointProgress:
    """Tells one progress of all models.

    The first model's body stage is the joint one; the joint network stage lasts until the last model's network is done,
    and the others' further stages lie within it; then come the last model's restore and clean-up, and deriving is the
    second half of the latter.
    """

    def __init__(self, progress: Progress, *, models: int, derives: bool) -> None:
        self._progress = progress
        self._models = models
        self._cleaning = _WHEN_DERIVING if derives else 1.0
        self._told = (0, 0.0)

    def of_model(self, place: int) -> Progress:
        """What the model at this place, from 0, is given to tell."""

        def told(stage: str, fraction: float) -> None:
            last = place == self._models - 1
            if stage == "body" and place == 0:
                self._tell(stage, fraction)
            elif last and stage != "body":
                self._tell_last(place, stage, fraction)
            else:
                self._tell("network", (place + _BEGINS[stage] + _SHARE[stage] * fraction) / self._models)

        return told

    def derived(self, done: int, of: int) -> None:
        """So many of the derived structures are there."""
        self._tell(_CLEAN_UP, self._cleaning + (1.0 - self._cleaning) * done / of)

    def _tell_last(self, place: int, stage: str, fraction: float) -> None:
        if stage == "network":
            self._tell(stage, (place + fraction) / self._models)
        else:
            self._tell(stage, fraction * (self._cleaning if stage == _CLEAN_UP else 1.0))

    def _tell(self, stage: str, fraction: float) -> None:
        """The furthest that was reached so far, told at every call so that the work can be stopped at every call."""
        self._told = max(self._told, (STAGES.index(stage), fraction))
        self._progress(STAGES[self._told[0]], self._told[1])
