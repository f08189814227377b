"""All courses of a site: their spread, and those nearest to their limits."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from panels import (
    AMBER,
    ATTENTION,
    BLUE,
    GREEN,
    MM,
    SHARE,
    SITE,
    Panel,
    bars,
    cell,
    lay_out,
    lines,
    number,
    page,
    query,
    rows,
    steps,
    variable,
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
