"""A server for the end-to-end tests: settings as JSON in the argument, the addresses as one line on stdout."""

import json
import sys
from pathlib import Path

from contour.errors import ContourError
from contour.jobs.work import PLAN_RUNNER
from contour.logs import set_up_logs
from contour.server.config import ServerConfig, ServerLimits
from contour.server.serve import serve


def main() -> int:
    wanted = json.loads(sys.argv[1])
    set_up_logs("INFO")
    config = ServerConfig(
        data_dir=Path(wanted["data_dir"]),
        listen=f"127.0.0.1:{wanted['port']}",
        metrics_listen="127.0.0.1:0",
        model_folders=tuple(Path(folder) for folder in wanted["model_folders"]),
        default_model=wanted["default_model"],
        grace_s=wanted["grace_s"],
        watch_rules=Path(wanted["watch_rules"]) if "watch_rules" in wanted else None,
        limits=ServerLimits(**wanted["limits"]),
    )

    def ready(addresses):
        line = {"grpc": addresses.grpc, "metrics": addresses.metrics, "modules": sorted(sys.modules)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    try:
        return serve(config, ready=ready, runner=wanted["runner"] or PLAN_RUNNER)
    except ContourError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
