"""What the dashboards are made of: queries, limits and colours, panels of each kind, a page and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import bargauge, gauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

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
