"""From the server's settings to those of its parts."""

from __future__ import annotations

import grpc

from contour.adaptation.watch.rules import WatchRules, read_watch_rules
from contour.certificates import read_authority, read_pair
from contour.errors import ConfigError
from contour.jobs.embedded import EmbeddedSettings
from contour.jobs.work import RunnerSettings
from contour.listening import TlsFiles
from contour.server.config import ServerConfig
from contour.store import StoreSettings, UploadLimits


def watch_rules(config: ServerConfig) -> WatchRules:
    """The clinic's rules.

    Raises:
        ConfigError: they cannot be read, or are none (BAD_CONFIG).
    """
    if config.watch_rules is None:
        return read_watch_rules()
    try:
        return read_watch_rules(config.watch_rules)
    except OSError as error:
        raise ConfigError(f"watch.rules cannot be read: {error.strerror}") from error


def store_settings(config: ServerConfig) -> StoreSettings:
    """Where the store is, and what it may hold."""
    limits = UploadLimits(
        instance_bytes=config.limits.instance_bytes, instances_per_series=config.limits.instances_per_series
    )
    return StoreSettings(
        data_dir=config.data_dir,
        limits=limits,
        quota_bytes=config.limits.store_bytes,
        most_attempts=config.limits.job_attempts,
        database_url=config.database_url,
        sessions=config.sessions,
    )


def executor_settings(config: ServerConfig, runner: str) -> EmbeddedSettings:
    """What the worker runs, with which models and limits."""
    return EmbeddedSettings(
        runner=runner,
        runner_settings=RunnerSettings(
            model_folders=tuple(str(folder) for folder in config.model_folders),
            default_model=config.default_model,
            exact=config.exact,
        ),
        memory_bytes=config.limits.worker_memory_bytes,
        job_limit_s=config.limits.job_s,
        log_level=config.log_level,
    )


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """What gRPC encrypts with, from the files as they are now.

    Raises:
        ConfigError: they cannot be used (BAD_CERTIFICATE).
    """
    certificate, key = read_pair(files.certificate, files.key, name="tls")
    client_ca = None if files.client_ca is None else read_authority(files.client_ca, name="tls.client_ca")
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=client_ca, require_client_auth=client_ca is not None
    )
