"""The service itself: queue, stages, refusals, versions."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common
from panels import AMBER, BLUE, GREEN, RED, lay_out, lines, number, page, query, rows, steps, words


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
