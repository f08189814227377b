"""The gRPC service: translates calls into use-cases, and errors into statuses."""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's core writes past Python's logging, and not in JSON
