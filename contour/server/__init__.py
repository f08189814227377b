"""The gRPC service: translates calls into use-cases, and errors into statuses."""
