"""A watched course as one page that needs nothing beside it: no script, no network; every text from outside escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from contour.adaptation.watch.values import AXES, CourseWatch, MarginWatch
from contour.preview.course_charts import course_charts
from contour.preview.course_tables import course_csv

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 84rem; margin: 1rem auto }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #bbb }
.banner { border-left: .6rem solid; padding: .6rem 1rem; background: #f4f4f4 }
.ok { border-color: #00704f } .watch { border-color: #8a5a00 } .replan { border-color: #a33b00 }
table { border-collapse: collapse; margin: .6rem 0 }
th, td { border: 1px solid #bbb; padding: .25rem .6rem; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums } th { background: #eee }
figure { margin: 0 } svg { max-width: 100%; height: auto } figcaption { color: #444; max-width: 60rem }
@media print { body { max-width: none } h2 { break-after: avoid } figure { break-inside: avoid } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_ASKS = {
    "ok": "OK: no rule asks for anything",
    "watch": "WATCH: somebody should look at this course",
    "replan": "RE-PLAN: the plan should be adapted",
}
_CAPTIONS = {
    "verdicts.svg": "What each fraction came to by the site's limits.",
    "setup.svg": "Shift of the patient as a whole, before the couch puts it right. A ring is where a run of points "
    "broke a rule: N1 to N3 Nelson's rules, MR a jump from one fraction to the next, EWMA a slow shift. A cross on the "
    "axis is a refused fraction, which has no point.",
    "targets.svg": "Shift of each target beyond the set-up: what the couch does not put right.",
    "margins.svg": "How much of the planned margin the course needs along its worst axis; above 1, more than it has.",
    "volumes.svg": "Volume against the plan's, with its slope per week and the slope's 95 % band.",
}
_TITLES = {
    "verdicts.svg": "Verdicts",
    "setup.svg": "Set-up",
    "targets.svg": "Targets beyond set-up",
    "margins.svg": "Margins",
    "volumes.svg": "Volumes",
}
_SOURCES = """<p>Margin needed: |systematic error| + 2.5 times how well it is known + 0.7 times the random error; with
no fraction yet that is van Herk's recipe 2.5 &Sigma; + 0.7 &sigma; (van Herk et al. 2000,
doi:10.1016/S0360-3016(00)00518-6). Control limits: from the mean moving range of the first
fractions, as far away as Student's t is as rare as 3 SD, about a centre that may be off by its standard error; or the
site's history &plusmn; 3 SD; EWMA with weight 0.2 (Montgomery, Introduction to Statistical Quality Control; Nelson
1984). Slopes: least squares, 95 % band.</p>
<p><strong>Research software, not a medical device.</strong></p>"""


def course_report_files(watch: CourseWatch, *, title: str, made: datetime) -> tuple[tuple[str, bytes], ...]:
    """`report.html`, its charts as SVG, its tables as CSV."""
    charts = course_charts(watch)
    return (("report.html", course_page(watch, charts, title=title, made=made)), *charts, *course_csv(watch))


def course_page(watch: CourseWatch, charts: Sequence[tuple[str, bytes]], *, title: str, made: datetime) -> bytes:
    """The page.

    Args:
        watch: The course.
        charts: Of `course_charts`.
        title: What the course is called; no patient data.
        made: Written under the title.
    """
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(_progress(watch))}, site: {escape(watch.site)}. Made {made:%Y-%m-%d %H:%M %Z}.</p>",
        f'<div class="banner {watch.attention}"><p><strong>{_ASKS[watch.attention]}</strong></p>',
        f"<p>{escape(watch.summary)}</p></div>",
        "<h2>What moved</h2>",
        _table(
            ("Source", "State", "Since fraction", "Evidence"),
            ((one.source, one.state, one.since, one.evidence) for one in watch.sources),
        ),
        "<h2>Rules that hold</h2>",
        _table(
            ("Rule", "Level", "Since fraction", "Evidence"),
            ((one.rule, one.level, one.since, one.evidence) for one in watch.triggers),
        )
        if watch.triggers
        else "<p>None.</p>",
    ]
    for name, svg in charts:
        parts.append(_figure(name, svg))
        if name == "setup.svg":
            parts.append(_shift_table(watch))
        if name == "margins.svg":
            parts.append(_margin_table(watch.margins))
    parts += ["<h2>How these figures are made</h2>", _SOURCES, "</main></body></html>\n"]
    return "\n".join(parts).encode("utf-8")


def _progress(watch: CourseWatch) -> str:
    planned = "" if watch.planned_fractions is None else f" of {watch.planned_fractions}"
    refused = sum(one.verdict == "REFUSE" for one in watch.fractions)
    return f"{len(watch.fractions)}{planned} fractions, {refused} refused"


def _figure(name: str, svg: bytes) -> str:
    """The chart inside the page, without what only a file of its own needs."""
    text = svg.decode("utf-8")
    drawn = text[text.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{_TITLES[name]}"', 1)
    prefix = name.removesuffix(".svg")
    for mark in ('id="', 'href="#', "url(#"):
        drawn = drawn.replace(mark, f"{mark}{prefix}-")  # several charts share a page, and ids have to differ
    return f"<h2>{_TITLES[name]}</h2><figure>{drawn}<figcaption>{escape(_CAPTIONS[name])}</figcaption></figure>"


def _shift_table(watch: CourseWatch) -> str:
    rows = []
    for shift in (watch.setup, *watch.structures):
        for axis in shift.axes:
            limits = None if axis.chart is None else axis.chart.individuals
            told = "" if limits is None else f"{limits.lower:+.1f} to {limits.upper:+.1f}"
            rows.append((shift.what, axis.axis, _mm(axis.mean_mm), _mm(axis.sd_mm), told, len(axis.points)))
    titles = ("Of", "Axis", "Mean mm", "SD mm", "Control limits mm", "Fractions")
    return f"<details><summary>Mean and SD of every structure</summary>{_table(titles, rows)}</details>"


def _margin_table(margins: Sequence[MarginWatch]) -> str:
    rows = []
    for margin in margins:
        forecasts = {one.axis: one for one in margin.forecasts}
        prior = f"{margin.prior_courses} courses of the site" if margin.prior_courses else "none: this course alone"
        for n, axis in enumerate(AXES):
            one = forecasts.get(axis)
            ahead = "too few fractions" if one is None else "not within the planned fractions"
            if one is not None and one.exceeded_at is not None:
                ahead = f"fraction {one.exceeded_at} (band {one.earliest or '?'} to {one.latest or 'later'})"
            planned = None if margin.planned_xyz_mm is None else margin.planned_xyz_mm[n]
            needed = None if margin.needed_xyz_mm is None else margin.needed_xyz_mm[n]
            rows.append((margin.target, axis, _mm(planned), _mm(needed), ahead, prior))
    return _table(("Target", "Axis", "Planned mm", "Needed mm", "Exceeded by the trend at", "Prior"), rows)


def _mm(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    kind = ' class="n"' if isinstance(value, int | float) else ""
    return f"<td{kind}>{escape(text)}</td>"
