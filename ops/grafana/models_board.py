"""Models and scanners over all patients."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from panels import DICE, HU, IN_CONTROL, MM, Panel, lay_out, lines, page, query, states, variable


def models() -> builders.Dashboard:
    """The instruments: networks and scanners, with their control limits."""
    variables = [
        variable("model", "Model", "label_values(contour_model_info, model)", all_of_them=True),
        variable("device", "Scanner", "label_values(contour_scanner_noise_hu, device)", all_of_them=True),
    ]
    model, device = 'model=~"$model"', 'device=~"$device"'

    def scanner(title: str, description: str, unit: str, expr: str, figure: str, legend: str) -> Panel:
        return lines(
            title,
            description,
            unit,
            query(expr, legend),
            query(f'contour_scanner_limit{{{device},figure="{figure}"}}', "{{device}} {{side}} limit"),
            limits=".*limit",
        )

    def tissue(name: str, description: str) -> Panel:
        return scanner(
            f"HU of {name}",
            description,
            HU,
            f'contour_scanner_hu{{{device},tissue="{name}"}}',
            f"{name}_hu",
            "{{device}}",
        )

    layout = [
        (
            5,
            [
                (
                    12,
                    states(
                        "Models in control",
                        "Red: predicted confidence or what reviewers change left its limits. See first whether the "
                        "scanner "
                        "changed, then review all contours slice by slice.",
                        query(
                            f"max by (model, figure) (contour_model_out_of_control{{{model}}})", "{{model}} {{figure}}"
                        ),
                        mappings=IN_CONTROL,
                    ),
                ),
                (
                    12,
                    states(
                        "Scanners in control",
                        "Red: scan the quality phantom, and read shifts and doses since then with care.",
                        query(
                            f"max by (device, figure) (contour_scanner_out_of_control{{{device}}})",
                            "{{device}} {{figure}}",
                        ),
                        mappings=IN_CONTROL,
                    ),
                ),
            ],
        ),
        (
            8,
            [
                (
                    12,
                    lines(
                        "Confidence: predicted Dice",
                        "Mean over the last 20 patients. A fall: patients or scans unlike those it was trained on.",
                        DICE,
                        query(f"contour_model_confidence{{{model}}}", "{{model}} {{version}}"),
                        query(f'contour_model_limit{{{model},figure="confidence"}}', "{{model}} {{side}} limit"),
                        limits=".*limit",
                    ),
                ),
                (
                    12,
                    lines(
                        "Edits: Dice of drawn and approved",
                        "Mean over the last 20 patients; 1 is nothing changed. A fall: reviewers change more. A rise "
                        "to 1: ask "
                        "whether they still look.",
                        DICE,
                        query(f"contour_model_edit_dice{{{model}}}", "{{model}} {{version}}"),
                        query(f'contour_model_limit{{{model},figure="edit"}}', "{{model}} {{side}} limit"),
                        limits=".*limit",
                    ),
                ),
            ],
        ),
        (
            8,
            [
                (
                    12,
                    lines(
                        "Review: active seconds per structure",
                        "Mean over the last 20 approvals. A fall together with edits that stop is automation bias.",
                        "s",
                        query(f"contour_model_review_seconds{{{model}}}", "{{model}} {{version}}"),
                        query(f'contour_model_limit{{{model},figure="review_s"}}', "{{model}} {{side}} limit"),
                        limits=".*limit",
                    ),
                ),
                (
                    12,
                    states(
                        "Automation bias",
                        "Red: edits have stopped, or reviews have become quicker than their limits. Have some approved "
                        "contours read again by somebody else.",
                        query(
                            f"max by (model, reason) (contour_model_bias{{{model}}}) or vector(0)",
                            "{{model}} {{reason}}",
                        ),
                        mappings=IN_CONTROL,
                    ),
                ),
            ],
        ),
        (
            8,
            [
                (
                    8,
                    tissue(
                        "air", "About -1000. A shift of all tissues alike is calibration: have the scanner calibrated."
                    ),
                ),
                (
                    8,
                    tissue("fat", "Where fat and muscle drift apart from air, the tube voltage or the kernel changed."),
                ),
                (8, tissue("muscle", "Dose calculation rests on it: 20 HU are about 1 % of density.")),
            ],
        ),
        (
            8,
            [
                (
                    12,
                    scanner(
                        "Noise",
                        "A step: another dose, kernel or slice thickness. Slowly up: the tube or the detectors age.",
                        HU,
                        f"contour_scanner_noise_hu{{{device}}}",
                        "noise_hu",
                        "{{device}}",
                    ),
                ),
                (
                    12,
                    scanner(
                        "Slice step",
                        "Other than agreed: the protocol was changed. Contours and shifts along SI are only as fine "
                        "as it is.",
                        MM,
                        f"contour_scanner_slice_step_mm{{{device}}}",
                        "slice_step_mm",
                        "{{device}}",
                    ),
                ),
            ],
        ),
    ]
    return lay_out(
        page("models", "Models and scanners", "The instruments, with their control limits.", "now-90d", variables),
        layout,
    )
