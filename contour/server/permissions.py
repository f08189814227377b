"""What a caller has to be allowed for each method of each service. A method that is not in the table is for nobody."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from contour.store.roles import Permission

OPEN = ("/grpc.health.v1.Health/",)
"""Services that answer anybody, so that a supervisor needs no account."""

SIGNED_IN = "signed in"
"""Any account will do."""

_SUBMIT, _WATCH, _DOWNLOAD = Permission.SUBMIT, Permission.WATCH, Permission.DOWNLOAD

_BY_SERVICE: dict[str, dict[str, Permission | str]] = {
    "contour.v1.SeriesService": {
        "CreateSeries": _SUBMIT,
        "UploadInstances": _SUBMIT,
        "GetInstanceUpload": _SUBMIT,
        "CompleteSeries": _SUBMIT,
        "GetSeries": _WATCH,
        "ListSeries": _WATCH,
        "DeleteSeries": _SUBMIT,
    },
    "contour.v1.ContouringService": {
        "StartContouring": _SUBMIT,
        "WatchContouring": _WATCH,
        "FetchStructureSet": _DOWNLOAD,
        "ListJobs": _WATCH,
    },
    "contour.v1.AdaptationService": {
        "AdaptFraction": _SUBMIT,
        "WatchFraction": _WATCH,
        "FetchFractionFile": _DOWNLOAD,
        "CreateCourse": _SUBMIT,
        "GetCourse": _WATCH,
        "ListCourses": _WATCH,
        "WatchCourse": _WATCH,
        "DeleteCourse": _SUBMIT,
    },
    "contour.v1.ModelService": {
        "ListModels": _WATCH,
        "GetModel": _WATCH,
        "ListProtocols": _WATCH,
        "GetProtocol": _WATCH,
    },
    "google.longrunning.Operations": {
        "ListOperations": _WATCH,
        "GetOperation": _WATCH,
        "DeleteOperation": _SUBMIT,
        "CancelOperation": _SUBMIT,
        "WaitOperation": _WATCH,
    },
    "grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": SIGNED_IN},
}

NEEDED: Mapping[str, Permission | str] = MappingProxyType(
    {f"/{service}/{name}": needed for service, methods in _BY_SERVICE.items() for name, needed in methods.items()}
)
"""By the method's path, as gRPC has it."""
