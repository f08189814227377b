"""Write the Grafana dashboards.

    python ops/grafana/build.py             # writes ops/grafana/dashboards/*.json
    python ops/grafana/build.py --check     # exit 1 where a file is not what would be written

Needs grafana-foundation-sdk, Grafana's own builders, which know the shape of each panel. One function a dashboard, its
rows from top to bottom.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import bargauge, gauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

FOLDER = Path(__file__).parent / "dashboards"
DATASOURCE = "contour-prometheus"  # its uid in provisioning/datasources
SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")

GREEN, AMBER, RED, BLUE, GREY = "green", "orange", "red", "blue", "text"
MM, HU, DICE = "lengthmm", "suffix:HU", "none"
COURSE = 'course="$course"'
STRUCTURE = f'{COURSE},structure="$structure"'
SITE = 'site=~"$site"'

Panel = Any
"""A builder of the SDK; its kinds share no base that says what they have in common."""


def query(expr: str, legend: str = "__auto", *, instant: bool = False, as_table: bool = False) -> Dataquery:
    """A target; `build` gives its letter."""
    target = Dataquery().expr(expr).legend_format(legend).datasource(SOURCE)
    target = target.instant() if instant or as_table else target.range()
    return target.format(PromQueryFormat.TABLE if as_table else PromQueryFormat.TIME_SERIES)


def steps(*limits: tuple[float | None, str]) -> builders.ThresholdsConfig:
    """Colours from a value on; the first has none."""
    return (
        builders.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(value=value, color=colour) for value, colour in limits])
    )


PLAIN = steps((None, GREEN))
SHARE = steps((None, GREEN), (0.8, AMBER), (1.0, RED))
CONTROL = steps((None, GREEN), (1, RED))


def words(named: dict[int, tuple[str, str]]) -> list[dashboard.ValueMapping]:
    """Texts and colours in place of numbers."""
    options = {
        str(value): dashboard.ValueMappingResult(text=text, color=colour, index=number)
        for number, (value, (text, colour)) in enumerate(named.items())
    }
    return [dashboard.ValueMap(options=options)]


ATTENTION = words({0: ("ok", GREEN), 1: ("look", AMBER), 2: ("re-plan", RED)})
MOVED = words({0: ("quiet", GREEN), 1: ("moved", RED)})
IN_CONTROL = words({0: ("in control", GREEN), 1: ("out of control", RED)})


def dressed(
    panel: Panel, title: str, description: str, unit: str, thresholds: Any, targets: Sequence[Dataquery]
) -> Panel:
    panel = panel.title(title).description(description).datasource(SOURCE).unit(unit).thresholds(thresholds)
    for letter, target in zip("ABCDEFGH", targets, strict=False):
        panel = panel.with_target(target.ref_id(letter))
    return panel


def lines(
    title: str,
    description: str,
    unit: str,
    *targets: Dataquery,
    thresholds: Any = PLAIN,
    limits: str = "",
    drawn: bool = False,
) -> Panel:
    """Curves over time. Figures change from one fraction to the next, so they are steps.

    What has a legend like `limits`, a regular expression, is dashed; with `drawn` thresholds are lines as well.
    """
    panel = (
        dressed(timeseries.Panel(), title, description, unit, thresholds, targets)
        .line_interpolation(common.LineInterpolation.STEP_AFTER)
        .line_width(2)
        .fill_opacity(0)
        .span_nulls(True)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull"])
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if drawn:
        panel = panel.thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    if limits:
        dash = {"fill": "dash", "dash": [8, 6]}
        panel = panel.override_by_regexp(
            limits,
            [
                dashboard.DynamicConfigValue(id_val="custom.lineStyle", value=dash),
                dashboard.DynamicConfigValue(id_val="custom.lineWidth", value=1),
                dashboard.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": RED}),
            ],
        )
    return panel


def number(
    title: str, description: str, unit: str, *targets: Dataquery, thresholds: Any = PLAIN, mappings: Any = None
) -> Panel:
    """The last value of each series, large."""
    panel = (
        dressed(stat.Panel(), title, description, unit, thresholds, targets)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common.BigValueColorMode.BACKGROUND)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.AUTO)
        .no_value("none")
    )
    return panel.mappings(mappings) if mappings else panel


def dial(title: str, description: str, unit: str, most: float, target: Dataquery, *, thresholds: Any) -> Panel:
    return (
        dressed(gauge.Panel(), title, description, unit, thresholds, [target])
        .min(0)
        .max(most)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .show_threshold_markers(True)
    )


def bars(title: str, description: str, unit: str, *targets: Dataquery, thresholds: Any = PLAIN) -> Panel:
    return (
        dressed(bargauge.Panel(), title, description, unit, thresholds, targets)
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def states(title: str, description: str, *targets: Dataquery, mappings: Any) -> Panel:
    """A band for each series, coloured by its value, over time."""
    return (
        dressed(statetimeline.Panel(), title, description, "none", CONTROL, targets)
        .mappings(mappings)
        .merge_values(True)
        .show_value(common.VisibilityMode.NEVER)
        .row_height(0.8)
    )


def rows(
    title: str,
    description: str,
    *targets: Dataquery,
    columns: dict[str, str],
    sort: str,
    descending: bool = True,
    joined: bool = False,
    overrides: dict[str, list[dashboard.DynamicConfigValue]] | None = None,
) -> Panel:
    """A table. `columns` names those that are shown, in order; all others are hidden."""
    order = {name: number for number, name in enumerate(columns)}
    panel = (
        dressed(table.Panel(), title, description, "none", PLAIN, targets)
        .filterable(True)
        .sort_by([common_builders.TableSortByFieldState().display_name(sort).desc(descending)])
    )
    if joined:
        panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(
        dashboard.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(columns)}})
    ).with_transformation(
        dashboard.DataTransformerConfig(
            id_val="organize", options={"indexByName": order, "renameByName": dict(columns), "excludeByName": {}}
        )
    )
    for name, properties in (overrides or {}).items():
        panel = panel.override_by_name(name, properties)
    return panel


def cell(
    unit: str = "", *, limits: Any = None, mappings: Any = None, link: str = ""
) -> list[dashboard.DynamicConfigValue]:
    """How a column of a table looks."""
    found = []
    if unit:
        found.append(dashboard.DynamicConfigValue(id_val="unit", value=unit))
    if limits is not None:
        found.append(dashboard.DynamicConfigValue(id_val="thresholds", value=limits.build()))
    if mappings is not None:
        found.append(dashboard.DynamicConfigValue(id_val="mappings", value=mappings))
    if limits is not None or mappings is not None:
        found.append(dashboard.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background"}))
    if link:
        found.append(dashboard.DynamicConfigValue(id_val="links", value=[{"title": "The course", "url": link}]))
    return found


def variable(name: str, label: str, labels_of: str, *, all_of_them: bool = False, hint: str = "") -> Any:
    built = (
        builders.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": labels_of, "refId": f"variable-{name}"})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )
    if hint:
        built = built.current(dashboard.VariableOption(selected=True, text=hint, value=hint))
    if all_of_them:
        built = built.include_all(True).all_value(".*").multi(True)
        built = built.current(dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
    return built


def page(name: str, title: str, description: str, since: str, variables: Sequence[Any]) -> builders.Dashboard:
    source = (
        builders.DatasourceVariable("datasource")
        .label("Prometheus")
        .type("prometheus")
        .current(dashboard.VariableOption(selected=True, text="Prometheus", value=DATASOURCE))
    )
    built = (
        builders.Dashboard(title)
        .uid(f"contour-{name}")
        .description(description)
        .tags(["contour", "radiotherapy"])
        .time(since, "now")
        .refresh("1m")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .editable()
        .link(
            builders.DashboardLink("contour")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags(["contour"])
            .as_dropdown(False)
            .keep_time(True)
        )
        .with_variable(source)
    )
    for one in variables:
        built = built.with_variable(one)
    return built


def lay_out(built: builders.Dashboard, layout: Sequence[tuple[int, Sequence[tuple[int, Panel]]]]) -> builders.Dashboard:
    """Put panels on the 24 columns: for each row its height, and for each of its panels the width."""
    top, panel_id = 0, 0
    for height, row in layout:
        left = 0
        for width, panel in row:
            panel_id += 1
            built = built.with_panel(panel.id(panel_id).grid_pos(dashboard.GridPos(h=height, w=width, x=left, y=top)))
            left += width
        if left > 24:
            raise ValueError(f"a row of {left} columns, expected 24 at most")
        top += height
    return built


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


def population() -> builders.Dashboard:
    """All courses of a site: who needs a look first, and what margins the site's own errors ask for."""
    variables = [variable("site", "Site", "label_values(contour_course_info, site)", all_of_them=True)]

    def errors(what: str, figure: str, title: str, description: str) -> Panel:
        return lines(
            title,
            description,
            MM,
            query(f'contour_site_{figure}_mm{{{SITE},what="{what}"}}', "{{site}} {{axis}}"),
        )

    tables = {
        "Course": cell(link="/d/contour-course?var-course=${__value.raw}"),
        "Asks for": cell(mappings=ATTENTION),
        "Margin used": cell("percentunit", limits=SHARE),
    }
    layout = [
        (
            4,
            [
                (
                    12,
                    number(
                        "Courses by what they ask for",
                        "Re-plan: decide before their next fraction. Look: today.",
                        "none",
                        query(f"sum by (attention) (site:contour_course_attention:count{{{SITE}}})", "{{attention}}"),
                        thresholds=steps((None, BLUE)),
                    ),
                ),
                (
                    6,
                    number(
                        "Courses of which nothing is told",
                        "Beyond watch.metrics_courses: delete what is over, or raise it.",
                        "none",
                        query("max(contour_courses_left_out)"),
                        thresholds=steps((None, GREEN), (1, AMBER)),
                    ),
                ),
                (
                    6,
                    number(
                        "Courses the site's figures rest on",
                        "Below about 20 Sigma is a rough guess; set no margins by it.",
                        "none",
                        query(f"contour_site_courses{{{SITE}}}", "{{site}}"),
                        thresholds=steps((None, AMBER), (20, GREEN)),
                    ),
                ),
            ],
        ),
        (
            9,
            [
                (
                    16,
                    rows(
                        "Courses nearest their limit",
                        "Sorted by the share of the planned margin that is used; a click opens the course.",
                        query(f"course:contour_course_margin_share:max{{{SITE}}}", as_table=True),
                        query(f"max by (course, site) (contour_course_attention{{{SITE}}})", as_table=True),
                        query(f"max by (course, site) (contour_course_last_fraction{{{SITE}}})", as_table=True),
                        query(
                            f'max by (course, site) (contour_course_fractions{{{SITE},verdict="REFUSE"}})',
                            as_table=True,
                        ),
                        columns={
                            "course": "Course",
                            "site": "Site",
                            "Value #A": "Margin used",
                            "Value #B": "Asks for",
                            "Value #C": "Last fraction",
                            "Value #D": "Refused",
                        },
                        sort="Margin used",
                        joined=True,
                        overrides=tables,
                    ),
                ),
                (
                    8,
                    bars(
                        "Rules that hold, over all courses",
                        "One rule that holds for many courses is the site's, not the patients': see scanner, set-up, "
                        "limits.",
                        "none",
                        query(
                            f"count by (rule, level) (contour_course_trigger_since_fraction{{{SITE}}})",
                            "{{rule}} ({{level}})",
                            instant=True,
                        ),
                        thresholds=steps((None, BLUE)),
                    ),
                ),
            ],
        ),
        (
            8,
            [
                (
                    8,
                    errors(
                        "set-up",
                        "mean_error",
                        "M of set-up",
                        "Mean over patients. Away from 0 by 1 mm or more: the room's lasers, couch or the imaging "
                        "isocentre.",
                    ),
                ),
                (
                    8,
                    errors(
                        "set-up",
                        "systematic_error",
                        "Sigma of set-up",
                        "Spread of patients' means. It weighs most in a margin: better immobilisation or an early "
                        "correction.",
                    ),
                ),
                (
                    8,
                    errors(
                        "set-up",
                        "random_error",
                        "sigma of set-up",
                        "Day-to-day spread. It rises with hurry and with masks that have become loose.",
                    ),
                ),
            ],
        ),
        (
            8,
            [
                (
                    8,
                    errors(
                        "target",
                        "systematic_error",
                        "Sigma of targets beyond set-up",
                        "What the couch cannot put right. It asks for margin or for a new plan.",
                    ),
                ),
                (
                    8,
                    errors(
                        "target",
                        "random_error",
                        "sigma of targets beyond set-up",
                        "Motion from day to day inside the patient.",
                    ),
                ),
                (
                    8,
                    lines(
                        "Margin by van Herk",
                        "2.5 Sigma + 0.7 sigma. Compare with the site's margin before it is changed; mind how many "
                        "courses it "
                        "rests on.",
                        MM,
                        query(f"contour_site_margin_mm{{{SITE}}}", "{{site}} {{what}} {{axis}}"),
                    ),
                ),
            ],
        ),
    ]
    return lay_out(
        page(
            "population",
            "Site: courses and margins",
            "All courses of a site, those near their limit first.",
            "now-90d",
            variables,
        ),
        layout,
    )


def service() -> builders.Dashboard:
    """The server: what waits, how long stages take, what fails and why."""
    layout = [
        (
            4,
            [
                (
                    4,
                    number(
                        "Server",
                        "0: nothing is contoured. See the process and its log.",
                        "none",
                        query('min(up{job="contour"})'),
                        mappings=words({0: ("down", RED), 1: ("up", GREEN)}),
                    ),
                ),
                (
                    5,
                    number(
                        "Jobs that wait",
                        "Ten or more: the machine is too slow for what comes in, or a job hangs.",
                        "none",
                        query("sum(contour_queue_depth)"),
                        thresholds=steps((None, GREEN), (10, AMBER), (50, RED)),
                    ),
                ),
                (
                    5,
                    number(
                        "Store",
                        "Near limits.store_bytes (200 GiB by default) uploads are refused: delete what is over.",
                        "bytes",
                        query("sum(contour_store_bytes)"),
                    ),
                ),
                (
                    5,
                    number(
                        "Worker restarts in an hour",
                        "One follows a job that was cancelled or took too long. More: see the reasons below.",
                        "none",
                        query("sum(reason:contour_worker_restarts:increase1h) or vector(0)"),
                        thresholds=steps((None, GREEN), (1, AMBER), (3, RED)),
                    ),
                ),
                (
                    5,
                    number(
                        "Version",
                        "Of the software. After a change compare the stages' times.",
                        "none",
                        query("max by (version) (contour_build_info)", "{{version}}"),
                        thresholds=steps((None, BLUE)),
                    ).text_mode(common.BigValueTextMode.NAME),
                ),
            ],
        ),
        (
            8,
            [
                (
                    12,
                    lines(
                        "Queue and jobs",
                        "Waiting that grows while succeeded stands still is a queue that is stuck.",
                        "none",
                        query("sum(contour_queue_depth)", "waiting"),
                        query('sum by (state) (contour_jobs{state=~"RUNNING|SUCCEEDED|FAILED"})', "{{state}}"),
                    ),
                ),
                (
                    12,
                    lines(
                        "Jobs that ended in the last hour",
                        "By outcome. For failures see the reasons beside input that was rejected.",
                        "none",
                        query("sum by (outcome) (outcome:contour_jobs_ended:increase1h)", "{{outcome}}"),
                    ),
                ),
            ],
        ),
        (
            9,
            [
                (
                    12,
                    lines(
                        "Stages: the middle one of jobs in the last hour",
                        "p50 from the histogram. One that becomes slow alone points to its part: read is disk, "
                        "network is CPU.",
                        "s",
                        query("max by (stage) (stage:contour_stage_duration_seconds:p50_1h)", "{{stage}}"),
                    ),
                ),
                (
                    12,
                    lines(
                        "Stages: the slowest twentieth",
                        "p95 from the histogram, as fine as its buckets (0.1 to 600 s).",
                        "s",
                        query("max by (stage) (stage:contour_stage_duration_seconds:p95_1h)", "{{stage}}"),
                        thresholds=steps((None, GREEN), (300, AMBER)),
                        drawn=True,
                    ),
                ),
            ],
        ),
        (
            8,
            [
                (
                    8,
                    lines(
                        "Input rejected in the last hour",
                        "By reason; the README's table says what each means. Many at once: one sender or one export "
                        "changed.",
                        "none",
                        query(
                            "(sum by (reason) (reason:contour_inputs_rejected:increase1h) > 0) or vector(0)",
                            "{{reason}}",
                        ),
                    ),
                ),
                (
                    8,
                    lines(
                        "Calls refused in the last hour",
                        "QUEUE_FULL and STORE_FULL ask for room; the others are the caller's.",
                        "none",
                        query(
                            "(sum by (reason) (reason:contour_calls_refused:increase1h) > 0) or vector(0)", "{{reason}}"
                        ),
                    ),
                ),
                (
                    8,
                    lines(
                        "Fractions per day, by verdict",
                        "A refused one needs somebody now: it may be another patient's scan.",
                        "none",
                        query("sum by (verdict) (increase(contour_fractions_total[1d]))", "{{verdict}}"),
                    ),
                ),
            ],
        ),
        (
            8,
            [
                (
                    8,
                    lines(
                        "Memory",
                        "Resident memory of server and worker. A worker that grows from job to job: restart it and "
                        "report it.",
                        "bytes",
                        query("sum by (process) (contour_resident_memory_bytes)", "{{process}}"),
                    ),
                ),
                (
                    8,
                    lines(
                        "Workers replaced in the last hour",
                        "By reason. For memory give the machine more; for WORKER_CRASHED read the log.",
                        "none",
                        query(
                            "(sum by (reason) (reason:contour_worker_restarts:increase1h) > 0) or vector(0)",
                            "{{reason}}",
                        ),
                    ),
                ),
                (
                    8,
                    rows(
                        "Models",
                        "What is installed. A version that changed explains a step in the dashboards of models.",
                        query("max by (model, version, default) (contour_model_info)", as_table=True),
                        columns={"model": "Model", "version": "Version", "default": "Default"},
                        sort="Model",
                        descending=False,
                    ),
                ),
            ],
        ),
    ]
    return lay_out(page("service", "Service", "The contour server and its queue.", "now-24h", []), layout)


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


DASHBOARDS = {"course": course, "models": models, "population": population, "service": service}


def text_of(built: builders.Dashboard) -> str:
    """The file's text, the same each time."""
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    if list(arguments) not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = []
    for name, build in DASHBOARDS.items():
        path, text = FOLDER / f"{name}.json", text_of(build())
        if not arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    stale += sorted(path.name for path in FOLDER.glob("*.json") if path.stem not in DASHBOARDS)
    if stale:
        print(f"not what ops/grafana/build.py writes: {', '.join(stale)}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
