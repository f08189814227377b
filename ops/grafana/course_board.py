"""One course: what moved, by which limits."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from panels import (
    AMBER,
    ATTENTION,
    BLUE,
    COURSE,
    GREEN,
    MM,
    MOVED,
    RED,
    SHARE,
    SITE,
    STRUCTURE,
    Panel,
    bars,
    dial,
    lay_out,
    lines,
    number,
    page,
    query,
    rows,
    steps,
    variable,
)


def course() -> builders.Dashboard:
    """One course: what moved, how far, whether the margin holds it, which rules hold."""
    variables = [
        variable("site", "Site", "label_values(contour_course_info, site)", all_of_them=True),
        variable("course", "Course", f"label_values(contour_course_info{{{SITE}}}, course)"),
        variable(
            "structure", "Structure", f"label_values(contour_course_shift_mm{{{COURSE}}}, structure)", hint="set-up"
        ),
    ]

    def shift(axis: str, sides: str) -> Panel:
        at = f'{STRUCTURE},axis="{axis}"'
        return lines(
            f"Shift {axis} of $structure",
            f"{sides}. Of set-up as a whole, or of a structure beyond set-up. A point beyond a dashed limit, or a "
            "mean that "
            "moves away from 0, is systematic: look at set-up and immobilisation first, then at the anatomy.",
            MM,
            query(f"contour_course_shift_mm{{{at}}}", "shift"),
            query(f"contour_course_shift_mean_mm{{{at}}}", "mean so far"),
            query(f"contour_course_shift_limit_mm{{{at}}}", "{{side}} limit"),
            limits=".*limit",
        )

    layout = [
        (
            5,
            [
                (
                    4,
                    number(
                        "Asks for",
                        "Re-plan: decide before the next fraction. Look: read the table of rules today.",
                        "none",
                        query(f"max(contour_course_attention{{{COURSE}}})"),
                        mappings=ATTENTION,
                    ),
                ),
                (
                    4,
                    number(
                        "Fraction",
                        "The last fraction that was worked out, and how many are planned.",
                        "none",
                        query(f"max(contour_course_last_fraction{{{COURSE}}})", "last"),
                        query(f"max(contour_course_planned_fractions{{{COURSE}}})", "planned"),
                        thresholds=steps((None, BLUE)),
                    ),
                ),
                (
                    6,
                    dial(
                        "Margin used",
                        "The largest needed in planned margin, of any target and axis. From 1 on the margin does not "
                        "hold "
                        "what moves: find the axis below, put right what is systematic, else plan anew.",
                        "percentunit",
                        1.5,
                        query(f"max(contour_course_margin_share{{{COURSE}}})"),
                        thresholds=SHARE,
                    ),
                ),
                (
                    5,
                    bars(
                        "Verdicts",
                        "Fractions by verdict. A refused one had the wrong scan: make sure whose it was, and send it "
                        "again.",
                        "none",
                        query(f"sum by (verdict) (contour_course_fractions{{{COURSE}}})", "{{verdict}}"),
                        thresholds=steps((None, BLUE)),
                    ),
                ),
                (
                    5,
                    number(
                        "What moved",
                        "Where to begin: patient is anatomy, set-up is positioning, model and scanner are "
                        "instruments. A "
                        "scanner or model that moved puts the other figures in doubt.",
                        "none",
                        query(f"max by (source) (contour_course_moved{{{COURSE}}})", "{{source}}"),
                        mappings=MOVED,
                    ),
                ),
            ],
        ),
        (
            6,
            [
                (
                    14,
                    rows(
                        "Rules that hold",
                        "Which rules of the site's file hold and since which fraction; none is best. ops/README.md "
                        "says what "
                        "each asks for.",
                        query(
                            f"min by (rule, level) (contour_course_trigger_since_fraction{{{COURSE}}})", as_table=True
                        ),
                        columns={"level": "Level", "rule": "Rule", "Value": "Since fraction"},
                        sort="Since fraction",
                        descending=False,
                    ),
                ),
                (
                    10,
                    rows(
                        "Margin is exceeded at fraction",
                        "Where the trend crosses the planned margin, if it goes on. Plan ahead: a new plan takes days.",
                        query(
                            f"min by (structure, axis) (contour_course_margin_exceeded_fraction{{{COURSE}}})",
                            as_table=True,
                        ),
                        columns={"structure": "Target", "axis": "Axis", "Value": "Fraction"},
                        sort="Fraction",
                        descending=False,
                    ),
                ),
            ],
        ),
        (
            8,
            [
                (8, shift("LR", "To the left is positive")),
                (8, shift("AP", "To the back is positive")),
                (8, shift("SI", "To the head is positive")),
            ],
        ),
        (
            8,
            [
                (
                    8,
                    lines(
                        "Spread of shifts of $structure",
                        "Standard deviation so far. It grows when set-up is not the same from day to day.",
                        MM,
                        query(f"contour_course_shift_sd_mm{{{STRUCTURE}}}", "{{axis}}"),
                    ),
                ),
                (
                    8,
                    lines(
                        "Margin needed and planned",
                        "Dashed is planned. Where needed comes near it along one axis, look at that axis above.",
                        MM,
                        query(f"contour_course_margin_needed_mm{{{COURSE}}}", "{{structure}} {{axis}} needed"),
                        query(f"contour_course_margin_planned_mm{{{COURSE}}}", "{{structure}} {{axis}} planned"),
                        limits=".*planned",
                    ),
                ),
                (
                    8,
                    lines(
                        "Share of planned margin",
                        "Needed over planned along the worst axis. From 1 on plan anew or widen the margin.",
                        "percentunit",
                        query(f"contour_course_margin_share{{{COURSE}}}", "{{structure}}"),
                        thresholds=SHARE,
                        drawn=True,
                    ),
                ),
            ],
        ),
        (
            8,
            [
                (
                    6,
                    lines(
                        "Volume against the plan",
                        "20 % lost or gained twice in a row is what the default rules tell of. Parotid glands shrink "
                        "in most "
                        "patients; a target that grows needs a physician.",
                        "percent",
                        query(f"contour_course_volume_change_percent{{{COURSE}}}", "{{structure}}"),
                        thresholds=steps((None, RED), (-20, GREEN), (20, RED)),
                        drawn=True,
                    ),
                ),
                (
                    6,
                    bars(
                        "Volume's slope per week",
                        "How fast each volume changes now. 5 % a week or more is what the default rules tell of.",
                        "percent",
                        query(
                            f"contour_course_volume_slope_percent_per_week{{{COURSE}}}", "{{structure}}", instant=True
                        ),
                        thresholds=steps((None, RED), (-5, GREEN), (5, RED)),
                    ),
                ),
                (
                    6,
                    lines(
                        "Target inside its PTV",
                        "Below 95 % three times in a row asks for a new plan by the default rules.",
                        "percent",
                        query(f"contour_course_inside_ptv_percent{{{COURSE}}}", "{{structure}}"),
                        thresholds=steps((None, RED), (95, GREEN)),
                        drawn=True,
                    ),
                ),
                (
                    6,
                    lines(
                        "Expected error of carried contours",
                        "How far a contour may be off. Where it is as large as what you look at, look at the images "
                        "instead.",
                        MM,
                        query(f"contour_course_expected_error_mm{{{COURSE}}}", "{{structure}}"),
                        thresholds=steps((None, GREEN), (3, AMBER)),
                    ),
                ),
            ],
        ),
    ]
    return lay_out(
        page("course", "Course: drift", "One course of treatment, from its first fraction on.", "now-60d", variables),
        layout,
    )
