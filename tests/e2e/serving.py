"""A server for the end-to-end tests: settings as JSON in the argument, the addresses as one line on stdout."""

import json
import sys
from pathlib import Path

from contour.errors import ContourError
from contour.jobs.work import PLAN_RUNNER
from contour.listening import TlsFiles
from contour.logs import set_up_logs
from contour.server.config import ServerConfig, ServerLimits
from contour.server.serve import serve


def main() -> int:
    wanted = json.loads(sys.argv[1])
    set_up_logs("INFO")
    try:
        return run(wanted)
    except ContourError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 1


def run(wanted) -> int:
    config = ServerConfig(
        data_dir=Path(wanted["data_dir"]),
        listen=f"{wanted['host']}:{wanted['port']}",
        metrics_listen="127.0.0.1:0",
        auth=wanted["auth"],
        tls=TlsFiles(**{name: Path(path) for name, path in wanted["tls"].items()}) if wanted["tls"] else None,
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

    return serve(config, ready=ready, runner=wanted["runner"] or PLAN_RUNNER)


if __name__ == "__main__":
    sys.exit(main())
