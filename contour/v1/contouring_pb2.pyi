import datetime

from contour.v1 import findings_pb2 as _findings_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_QUEUED: _ClassVar[JobState]
    JOB_STATE_RUNNING: _ClassVar[JobState]
    JOB_STATE_SUCCEEDED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_RUNNING: JobState
JOB_STATE_SUCCEEDED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState

class StartContouringRequest(_message.Message):
    __slots__ = ("series_id", "model", "structures", "request_id", "series_instance_uid")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    series_id: str
    model: str
    structures: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    series_instance_uid: str
    def __init__(self, series_id: _Optional[str] = ..., model: _Optional[str] = ..., structures: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ..., series_instance_uid: _Optional[str] = ...) -> None: ...

class StageDuration(_message.Message):
    __slots__ = ("stage", "elapsed_s")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_S_FIELD_NUMBER: _ClassVar[int]
    stage: str
    elapsed_s: float
    def __init__(self, stage: _Optional[str] = ..., elapsed_s: _Optional[float] = ...) -> None: ...

class ContouringMetadata(_message.Message):
    __slots__ = ("job_id", "series_id", "state", "stage", "fraction", "queue_place", "estimated_remaining_s", "elapsed_s", "attempt", "model", "model_version", "structures", "software_version", "create_time", "start_time", "end_time", "reason")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    QUEUE_PLACE_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_REMAINING_S_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_S_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    series_id: str
    state: JobState
    stage: str
    fraction: float
    queue_place: int
    estimated_remaining_s: float
    elapsed_s: float
    attempt: int
    model: str
    model_version: str
    structures: _containers.RepeatedScalarFieldContainer[str]
    software_version: str
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, job_id: _Optional[str] = ..., series_id: _Optional[str] = ..., state: _Optional[_Union[JobState, str]] = ..., stage: _Optional[str] = ..., fraction: _Optional[float] = ..., queue_place: _Optional[int] = ..., estimated_remaining_s: _Optional[float] = ..., elapsed_s: _Optional[float] = ..., attempt: _Optional[int] = ..., model: _Optional[str] = ..., model_version: _Optional[str] = ..., structures: _Optional[_Iterable[str]] = ..., software_version: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class StructureRow(_message.Message):
    __slots__ = ("name", "volume_ml", "slices", "elapsed_s", "predicted_dice", "proposal", "look_of")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ML_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_S_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_DICE_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    LOOK_OF_FIELD_NUMBER: _ClassVar[int]
    name: str
    volume_ml: float
    slices: int
    elapsed_s: float
    predicted_dice: float
    proposal: bool
    look_of: str
    def __init__(self, name: _Optional[str] = ..., volume_ml: _Optional[float] = ..., slices: _Optional[int] = ..., elapsed_s: _Optional[float] = ..., predicted_dice: _Optional[float] = ..., proposal: _Optional[bool] = ..., look_of: _Optional[str] = ...) -> None: ...

class StructureRemoval(_message.Message):
    __slots__ = ("structure", "rule", "parts", "volume_ml")
    STRUCTURE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ML_FIELD_NUMBER: _ClassVar[int]
    structure: str
    rule: str
    parts: int
    volume_ml: float
    def __init__(self, structure: _Optional[str] = ..., rule: _Optional[str] = ..., parts: _Optional[int] = ..., volume_ml: _Optional[float] = ...) -> None: ...

class ContouringResult(_message.Message):
    __slots__ = ("sop_instance_uid", "sha256", "size_bytes", "structures", "stages", "warnings", "removals")
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    REMOVALS_FIELD_NUMBER: _ClassVar[int]
    sop_instance_uid: str
    sha256: str
    size_bytes: int
    structures: _containers.RepeatedCompositeFieldContainer[StructureRow]
    stages: _containers.RepeatedCompositeFieldContainer[StageDuration]
    warnings: _containers.RepeatedCompositeFieldContainer[_findings_pb2.Finding]
    removals: _containers.RepeatedCompositeFieldContainer[StructureRemoval]
    def __init__(self, sop_instance_uid: _Optional[str] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., structures: _Optional[_Iterable[_Union[StructureRow, _Mapping]]] = ..., stages: _Optional[_Iterable[_Union[StageDuration, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[_findings_pb2.Finding, _Mapping]]] = ..., removals: _Optional[_Iterable[_Union[StructureRemoval, _Mapping]]] = ...) -> None: ...

class WatchContouringRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class WatchContouringResponse(_message.Message):
    __slots__ = ("operation",)
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: _operations_pb2.Operation
    def __init__(self, operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class FetchStructureSetRequest(_message.Message):
    __slots__ = ("job_id", "offset_bytes", "approved")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    offset_bytes: int
    approved: bool
    def __init__(self, job_id: _Optional[str] = ..., offset_bytes: _Optional[int] = ..., approved: _Optional[bool] = ...) -> None: ...

class FetchStructureSetResponse(_message.Message):
    __slots__ = ("sha256", "size_bytes", "offset_bytes", "chunk")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size_bytes: int
    offset_bytes: int
    chunk: bytes
    def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., offset_bytes: _Optional[int] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "series_id")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    series_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., series_id: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[ContouringMetadata]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[ContouringMetadata, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
