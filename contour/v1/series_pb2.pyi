import datetime

from contour.v1 import findings_pb2 as _findings_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SeriesState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SERIES_STATE_UNSPECIFIED: _ClassVar[SeriesState]
    SERIES_STATE_OPEN: _ClassVar[SeriesState]
    SERIES_STATE_COMPLETE: _ClassVar[SeriesState]

class InstanceVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INSTANCE_VERDICT_UNSPECIFIED: _ClassVar[InstanceVerdict]
    INSTANCE_VERDICT_ACCEPTED: _ClassVar[InstanceVerdict]
    INSTANCE_VERDICT_ALREADY_ACCEPTED: _ClassVar[InstanceVerdict]
    INSTANCE_VERDICT_REJECTED: _ClassVar[InstanceVerdict]
    INSTANCE_VERDICT_SET_ASIDE: _ClassVar[InstanceVerdict]
    INSTANCE_VERDICT_CONFLICT: _ClassVar[InstanceVerdict]
    INSTANCE_VERDICT_WRONG_OFFSET: _ClassVar[InstanceVerdict]
SERIES_STATE_UNSPECIFIED: SeriesState
SERIES_STATE_OPEN: SeriesState
SERIES_STATE_COMPLETE: SeriesState
INSTANCE_VERDICT_UNSPECIFIED: InstanceVerdict
INSTANCE_VERDICT_ACCEPTED: InstanceVerdict
INSTANCE_VERDICT_ALREADY_ACCEPTED: InstanceVerdict
INSTANCE_VERDICT_REJECTED: InstanceVerdict
INSTANCE_VERDICT_SET_ASIDE: InstanceVerdict
INSTANCE_VERDICT_CONFLICT: InstanceVerdict
INSTANCE_VERDICT_WRONG_OFFSET: InstanceVerdict

class Series(_message.Message):
    __slots__ = ("series_id", "state", "create_time", "complete_time", "instances", "size_bytes", "findings")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_TIME_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    series_id: str
    state: SeriesState
    create_time: _timestamp_pb2.Timestamp
    complete_time: _timestamp_pb2.Timestamp
    instances: int
    size_bytes: int
    findings: _containers.RepeatedCompositeFieldContainer[_findings_pb2.Finding]
    def __init__(self, series_id: _Optional[str] = ..., state: _Optional[_Union[SeriesState, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., complete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., instances: _Optional[int] = ..., size_bytes: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[_findings_pb2.Finding, _Mapping]]] = ...) -> None: ...

class CreateSeriesRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class CreateSeriesResponse(_message.Message):
    __slots__ = ("series",)
    SERIES_FIELD_NUMBER: _ClassVar[int]
    series: Series
    def __init__(self, series: _Optional[_Union[Series, _Mapping]] = ...) -> None: ...

class InstanceStart(_message.Message):
    __slots__ = ("series_id", "sha256", "size_bytes", "offset_bytes")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    series_id: str
    sha256: str
    size_bytes: int
    offset_bytes: int
    def __init__(self, series_id: _Optional[str] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class UploadInstancesRequest(_message.Message):
    __slots__ = ("start", "chunk")
    START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    start: InstanceStart
    chunk: bytes
    def __init__(self, start: _Optional[_Union[InstanceStart, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class UploadInstancesResponse(_message.Message):
    __slots__ = ("sha256", "verdict", "finding", "stored_bytes", "sop_class_uid")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    verdict: InstanceVerdict
    finding: _findings_pb2.Finding
    stored_bytes: int
    sop_class_uid: str
    def __init__(self, sha256: _Optional[str] = ..., verdict: _Optional[_Union[InstanceVerdict, str]] = ..., finding: _Optional[_Union[_findings_pb2.Finding, _Mapping]] = ..., stored_bytes: _Optional[int] = ..., sop_class_uid: _Optional[str] = ...) -> None: ...

class GetInstanceUploadRequest(_message.Message):
    __slots__ = ("series_id", "sha256")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    series_id: str
    sha256: str
    def __init__(self, series_id: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class GetInstanceUploadResponse(_message.Message):
    __slots__ = ("verdict", "finding", "stored_bytes")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    verdict: InstanceVerdict
    finding: _findings_pb2.Finding
    stored_bytes: int
    def __init__(self, verdict: _Optional[_Union[InstanceVerdict, str]] = ..., finding: _Optional[_Union[_findings_pb2.Finding, _Mapping]] = ..., stored_bytes: _Optional[int] = ...) -> None: ...

class CompleteSeriesRequest(_message.Message):
    __slots__ = ("series_id", "expected_instances")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    series_id: str
    expected_instances: int
    def __init__(self, series_id: _Optional[str] = ..., expected_instances: _Optional[int] = ...) -> None: ...

class CompleteSeriesResponse(_message.Message):
    __slots__ = ("series",)
    SERIES_FIELD_NUMBER: _ClassVar[int]
    series: Series
    def __init__(self, series: _Optional[_Union[Series, _Mapping]] = ...) -> None: ...

class GetSeriesRequest(_message.Message):
    __slots__ = ("series_id",)
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    series_id: str
    def __init__(self, series_id: _Optional[str] = ...) -> None: ...

class GetSeriesResponse(_message.Message):
    __slots__ = ("series",)
    SERIES_FIELD_NUMBER: _ClassVar[int]
    series: Series
    def __init__(self, series: _Optional[_Union[Series, _Mapping]] = ...) -> None: ...

class ListSeriesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSeriesResponse(_message.Message):
    __slots__ = ("series", "next_page_token")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[Series]
    next_page_token: str
    def __init__(self, series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteSeriesRequest(_message.Message):
    __slots__ = ("series_id",)
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    series_id: str
    def __init__(self, series_id: _Optional[str] = ...) -> None: ...

class DeleteSeriesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
