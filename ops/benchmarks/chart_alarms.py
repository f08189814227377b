"""How often charts of a course cry wolf, and how soon they see what is there.

Simulated courses: 30 fractions of a shift along three axes, normal with an SD of 1 along each, five fractions of
baseline. Ours beside limits that take five fractions for known, and beside limits that are known indeed.

    python ops/benchmarks/chart_alarms.py
"""

import argparse
from dataclasses import replace

import numpy as np

from contour.adaptation.analytics.control_charts import (
    Baseline,
    baseline_of,
    usual_sd_of_axes,
    watch_chart,
)

FRACTIONS, FIRST, DRIFTS_FROM = 30, 5, 8
KNOWN = Baseline(centre=0.0, sd=1.0, points=1000, source="site history")
BEFORE_A_RULE_HOLDS = {"Nelson 2": 8, "Nelson 3": 5, "moving range": 1}


def baselines(axes, kind):
    usual = {"ours": usual_sd_of_axes(axes, first=FIRST), "ours, site known": 1.0}.get(kind)
    for values in axes:
        if kind == "known limits":
            yield KNOWN
            continue
        own = baseline_of(values, first=FIRST, history=None, usual_sd=usual)
        yield replace(own, freedom=None) if kind == "five taken for known" else own


def signalled(axes, kind):
    """Whether any chart has a signal that a fraction is a part of, once its rule is met."""
    found = np.zeros(FRACTIONS, dtype=bool)
    for values, baseline in zip(axes, baselines(axes, kind), strict=True):
        for one in watch_chart(values, baseline).signals:
            found[one.first + BEFORE_A_RULE_HOLDS.get(one.rule, 0) : one.last + 1] = True
    return found


def study(kind, courses, *, step=0.0, slope=0.0):
    random = np.random.default_rng(1)
    after = np.arange(1, FRACTIONS - DRIFTS_FROM + 1)
    seen, days, waited = 0, 0, []
    for _ in range(courses):
        shifts = random.normal(size=(3, FRACTIONS))
        shifts[1, DRIFTS_FROM:] += step + slope * after
        found = signalled(shifts.tolist(), kind)
        seen += found.any()
        days += found.sum()
        later = np.flatnonzero(found[DRIFTS_FROM:])
        waited.append(later[0] + 1 if later.size else FRACTIONS)
    return 100 * seen / courses, 100 * days / courses / FRACTIONS, np.median(waited), np.percentile(waited, 90)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--courses", type=int, default=1000)
    courses = parser.parse_args().courses
    print(f"{courses} courses; drift along AP begins at fraction {DRIFTS_FROM + 1}; median and 90th percentile of "
          "fractions until it is seen")  # fmt: skip
    print("limits                  noise: courses  days    step 3 SD   step 6 SD   1 SD a fraction")
    for kind in ("five taken for known", "ours", "ours, site known", "known limits"):
        ever, days, _, _ = study(kind, courses)
        drifts = [study(kind, courses, **drift)[2:] for drift in ({"step": 3.0}, {"step": 6.0}, {"slope": 1.0})]
        told = "   ".join(f"{median:3.0f} {late:5.0f}" for median, late in drifts)
        print(f"{kind:24s} {ever:7.0f} % {days:8.1f} %   {told}")


if __name__ == "__main__":
    main()
