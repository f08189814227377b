"""Each of the plan's structures on the day: carried, put to the witnesses, and described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from contour.adaptation.carry import carry_structure
from contour.adaptation.fraction_report import StructureTrust
from contour.adaptation.limits import StructureLimits
from contour.adaptation.trust import (
    Scene,
    carried_by_matches,
    contour_agreement,
    judge_structure,
    structure_evidence,
    witness_of,
)
from contour.anatomy.names import describe_structure, tg263_name
from contour.anatomy.structures import Structure
from contour.errors import InputError
from contour.preview.fraction import DrawnStructure
from contour.segmentation import EXTERNAL, Model, segment
from registration.volume import Volume

FEATURES, NETWORK = "features", "network"
_NOT_CARRIED = frozenset({"SUPPORT", "FIXATION"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedStructure:
    """A structure of the plan on the day.

    Args:
        plan: As planned.
        structure: Carried by the whole alignment.
        by_setup: Carried by set-up alone.
        out_of_view: Share of it outside the day's scan.
        trust: What the witnesses say.
    """

    plan: Structure
    structure: Structure
    by_setup: Structure
    out_of_view: float
    trust: StructureTrust

    def described(self) -> Structure:
        """With what a reader of the structure set has to know."""
        error = self.trust.expected_error_mm
        words = ["Carried from the plan by deformable registration, not approved."]
        if error is not None:
            words.append(f"Expected error {error:.1f} mm.")
        words.append({"PASS": "Within limits.", "LOOK": "LOOK before use.", "REFUSE": "REFUSED."}[self.trust.verdict])
        codes = ", ".join(dict.fromkeys(reason.reason for reason in self.trust.reasons))
        if codes:
            words.append(f"Reasons: {codes}.")
        return replace(self.structure, description=" ".join(words)[:1024])

    def drawn(self) -> DrawnStructure:
        """For the report's picture."""
        kind = describe_structure(self.plan.name)
        roi = self.plan.roi
        return DrawnStructure(
            name=self.plan.name,
            colour_rgb=kind.colour_rgb if roi is None else roi.colour_rgb,
            by_setup=self.by_setup,
            carried=self.structure,
            verdict=self.trust.verdict,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkView:
    """The network's own contours on both scans, by name; `why_not` where it was not asked or could not answer."""

    plan: Mapping[str, Structure]
    daily: Mapping[str, Structure]
    why_not: str = ""


def network_view(model: Model | None, plan: Volume, daily: Volume, structures: Sequence[Structure]) -> NetworkView:
    """The network's contours of the structures that it knows, on plan and day.

    A scan that the model refuses leaves this witness out, with the reason.
    """
    if model is None:
        return NetworkView(plan={}, daily={}, why_not="no model was asked")
    wanted = tuple(
        dict.fromkeys(
            known
            for known in (_known_name(structure.name, model) for structure in structures)
            if known and known != EXTERNAL
        )
    )
    if not wanted:
        return NetworkView(plan={}, daily={}, why_not=f"{model.card.name} knows none of the structures")
    try:
        on_plan, on_day = (segment(scan, model, structures=wanted) for scan in (plan, daily))
    except InputError as error:
        return NetworkView(plan={}, daily={}, why_not=f"{model.card.name} refused a scan: {error.reason}")
    return NetworkView(
        plan={s.name: s for s in on_plan.structures if not s.is_empty},
        daily={s.name: s for s in on_day.structures if not s.is_empty},
    )


def carry_all(
    structures: Sequence[Structure], scene: Scene, network: NetworkView, limits: StructureLimits
) -> tuple[CarriedStructure, ...]:
    """Every structure but couch and fixation, with its verdict."""
    return tuple(
        _carried(structure, scene, network, limits)
        for structure in structures
        if structure.roi is None or structure.roi.interpreted_type not in _NOT_CARRIED
    )


def _carried(structure: Structure, scene: Scene, network: NetworkView, limits: StructureLimits) -> CarriedStructure:
    aligned, grid = scene.aligned, scene.daily.grid
    back = None if aligned.inverse is None else aligned.inverse.field
    found = carry_structure(structure, aligned.alignment, grid, plan_to_daily=back)
    setup = carry_structure(structure, aligned.alignment.rigid_only, grid)
    by_matches = carried_by_matches(scene, found.structure)
    features = (
        None
        if by_matches is None
        else contour_agreement(
            found.structure, carry_structure(structure, by_matches, grid, plan_to_daily=back).structure
        )
    )
    by_network, why_not = None, network.why_not or "the network does not know this structure"
    name = tg263_name(structure.name) or structure.name
    if name in network.plan and name in network.daily:
        own = carry_structure(network.plan[name], aligned.alignment, grid, plan_to_daily=back).structure
        by_network = contour_agreement(own, network.daily[name])
    elif name in network.plan or name in network.daily:
        why_not = "the network found it on one of the two scans only"
    evidence = structure_evidence(scene, found.structure, by_network)
    witnesses = (
        witness_of(FEATURES, features, "too few feature points about it"),
        witness_of(NETWORK, by_network, why_not),
    )
    trust = judge_structure(
        structure.name,
        evidence,
        witnesses,
        limits,
        out_of_view=found.out_of_view,
        at_plan_end=found.at_plan_end,
    )
    return CarriedStructure(
        plan=structure,
        structure=found.structure,
        by_setup=setup.structure,
        out_of_view=found.out_of_view,
        trust=trust,
    )


def _known_name(name: str, model: Model) -> str:
    official = tg263_name(name) or name
    return official if official in model.card.structures else ""
