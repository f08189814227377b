import datetime

from contour.v1 import contouring_pb2 as _contouring_pb2
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

class FractionVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FRACTION_VERDICT_UNSPECIFIED: _ClassVar[FractionVerdict]
    FRACTION_VERDICT_PASS: _ClassVar[FractionVerdict]
    FRACTION_VERDICT_LOOK: _ClassVar[FractionVerdict]
    FRACTION_VERDICT_REFUSE: _ClassVar[FractionVerdict]

class FractionFile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FRACTION_FILE_UNSPECIFIED: _ClassVar[FractionFile]
    FRACTION_FILE_STRUCTURES: _ClassVar[FractionFile]
    FRACTION_FILE_RIGID: _ClassVar[FractionFile]
    FRACTION_FILE_DEFORMABLE: _ClassVar[FractionFile]
    FRACTION_FILE_DRIFT_JSON: _ClassVar[FractionFile]
    FRACTION_FILE_REPORT_PNG: _ClassVar[FractionFile]
    FRACTION_FILE_DOSE_TODAY: _ClassVar[FractionFile]
    FRACTION_FILE_DOSE_ON_PLAN: _ClassVar[FractionFile]

class Attention(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTENTION_UNSPECIFIED: _ClassVar[Attention]
    ATTENTION_OK: _ClassVar[Attention]
    ATTENTION_WATCH: _ClassVar[Attention]
    ATTENTION_REPLAN: _ClassVar[Attention]

class DriftState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRIFT_STATE_UNSPECIFIED: _ClassVar[DriftState]
    DRIFT_STATE_QUIET: _ClassVar[DriftState]
    DRIFT_STATE_MOVED: _ClassVar[DriftState]
    DRIFT_STATE_UNKNOWN: _ClassVar[DriftState]

class CourseOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COURSE_ORDER_UNSPECIFIED: _ClassVar[CourseOrder]
    COURSE_ORDER_NEWEST_FIRST: _ClassVar[CourseOrder]
    COURSE_ORDER_WORST_FIRST: _ClassVar[CourseOrder]
FRACTION_VERDICT_UNSPECIFIED: FractionVerdict
FRACTION_VERDICT_PASS: FractionVerdict
FRACTION_VERDICT_LOOK: FractionVerdict
FRACTION_VERDICT_REFUSE: FractionVerdict
FRACTION_FILE_UNSPECIFIED: FractionFile
FRACTION_FILE_STRUCTURES: FractionFile
FRACTION_FILE_RIGID: FractionFile
FRACTION_FILE_DEFORMABLE: FractionFile
FRACTION_FILE_DRIFT_JSON: FractionFile
FRACTION_FILE_REPORT_PNG: FractionFile
FRACTION_FILE_DOSE_TODAY: FractionFile
FRACTION_FILE_DOSE_ON_PLAN: FractionFile
ATTENTION_UNSPECIFIED: Attention
ATTENTION_OK: Attention
ATTENTION_WATCH: Attention
ATTENTION_REPLAN: Attention
DRIFT_STATE_UNSPECIFIED: DriftState
DRIFT_STATE_QUIET: DriftState
DRIFT_STATE_MOVED: DriftState
DRIFT_STATE_UNKNOWN: DriftState
COURSE_ORDER_UNSPECIFIED: CourseOrder
COURSE_ORDER_NEWEST_FIRST: CourseOrder
COURSE_ORDER_WORST_FIRST: CourseOrder

class Plan(_message.Message):
    __slots__ = ("ct_series_id", "ct_series_instance_uid", "structures_series_id", "structures_sop_instance_uid", "dose_series_id", "planned_fractions")
    CT_SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    CT_SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    DOSE_SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    PLANNED_FRACTIONS_FIELD_NUMBER: _ClassVar[int]
    ct_series_id: str
    ct_series_instance_uid: str
    structures_series_id: str
    structures_sop_instance_uid: str
    dose_series_id: str
    planned_fractions: int
    def __init__(self, ct_series_id: _Optional[str] = ..., ct_series_instance_uid: _Optional[str] = ..., structures_series_id: _Optional[str] = ..., structures_sop_instance_uid: _Optional[str] = ..., dose_series_id: _Optional[str] = ..., planned_fractions: _Optional[int] = ...) -> None: ...

class AdaptFractionRequest(_message.Message):
    __slots__ = ("course_id", "plan", "daily_series_id", "daily_series_instance_uid", "fraction", "redo", "limits_toml", "model", "request_id")
    COURSE_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    DAILY_SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    DAILY_SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    REDO_FIELD_NUMBER: _ClassVar[int]
    LIMITS_TOML_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    course_id: str
    plan: Plan
    daily_series_id: str
    daily_series_instance_uid: str
    fraction: int
    redo: bool
    limits_toml: str
    model: str
    request_id: str
    def __init__(self, course_id: _Optional[str] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., daily_series_id: _Optional[str] = ..., daily_series_instance_uid: _Optional[str] = ..., fraction: _Optional[int] = ..., redo: _Optional[bool] = ..., limits_toml: _Optional[str] = ..., model: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetupShift(_message.Message):
    __slots__ = ("reference", "shift_lr_mm", "shift_ap_mm", "shift_si_mm", "pitch_deg", "roll_deg", "yaw_deg")
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    SHIFT_LR_MM_FIELD_NUMBER: _ClassVar[int]
    SHIFT_AP_MM_FIELD_NUMBER: _ClassVar[int]
    SHIFT_SI_MM_FIELD_NUMBER: _ClassVar[int]
    PITCH_DEG_FIELD_NUMBER: _ClassVar[int]
    ROLL_DEG_FIELD_NUMBER: _ClassVar[int]
    YAW_DEG_FIELD_NUMBER: _ClassVar[int]
    reference: str
    shift_lr_mm: float
    shift_ap_mm: float
    shift_si_mm: float
    pitch_deg: float
    roll_deg: float
    yaw_deg: float
    def __init__(self, reference: _Optional[str] = ..., shift_lr_mm: _Optional[float] = ..., shift_ap_mm: _Optional[float] = ..., shift_si_mm: _Optional[float] = ..., pitch_deg: _Optional[float] = ..., roll_deg: _Optional[float] = ..., yaw_deg: _Optional[float] = ...) -> None: ...

class FractionStructure(_message.Message):
    __slots__ = ("name", "verdict", "expected_error_mm", "shift_lr_mm", "shift_ap_mm", "shift_si_mm", "today_volume_ml", "volume_change_percent", "dice", "hd95_mm", "inside_ptv_percent", "excursion_mm")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ERROR_MM_FIELD_NUMBER: _ClassVar[int]
    SHIFT_LR_MM_FIELD_NUMBER: _ClassVar[int]
    SHIFT_AP_MM_FIELD_NUMBER: _ClassVar[int]
    SHIFT_SI_MM_FIELD_NUMBER: _ClassVar[int]
    TODAY_VOLUME_ML_FIELD_NUMBER: _ClassVar[int]
    VOLUME_CHANGE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    DICE_FIELD_NUMBER: _ClassVar[int]
    HD95_MM_FIELD_NUMBER: _ClassVar[int]
    INSIDE_PTV_PERCENT_FIELD_NUMBER: _ClassVar[int]
    EXCURSION_MM_FIELD_NUMBER: _ClassVar[int]
    name: str
    verdict: FractionVerdict
    expected_error_mm: float
    shift_lr_mm: float
    shift_ap_mm: float
    shift_si_mm: float
    today_volume_ml: float
    volume_change_percent: float
    dice: float
    hd95_mm: float
    inside_ptv_percent: float
    excursion_mm: float
    def __init__(self, name: _Optional[str] = ..., verdict: _Optional[_Union[FractionVerdict, str]] = ..., expected_error_mm: _Optional[float] = ..., shift_lr_mm: _Optional[float] = ..., shift_ap_mm: _Optional[float] = ..., shift_si_mm: _Optional[float] = ..., today_volume_ml: _Optional[float] = ..., volume_change_percent: _Optional[float] = ..., dice: _Optional[float] = ..., hd95_mm: _Optional[float] = ..., inside_ptv_percent: _Optional[float] = ..., excursion_mm: _Optional[float] = ...) -> None: ...

class FractionFileInfo(_message.Message):
    __slots__ = ("file", "size_bytes", "sha256")
    FILE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    file: FractionFile
    size_bytes: int
    sha256: str
    def __init__(self, file: _Optional[_Union[FractionFile, str]] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class FractionResult(_message.Message):
    __slots__ = ("verdict", "reasons", "setup", "structures", "files", "stages", "warnings", "fraction")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    SETUP_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    verdict: FractionVerdict
    reasons: _containers.RepeatedCompositeFieldContainer[_findings_pb2.Finding]
    setup: SetupShift
    structures: _containers.RepeatedCompositeFieldContainer[FractionStructure]
    files: _containers.RepeatedCompositeFieldContainer[FractionFileInfo]
    stages: _containers.RepeatedCompositeFieldContainer[_contouring_pb2.StageDuration]
    warnings: _containers.RepeatedCompositeFieldContainer[_findings_pb2.Finding]
    fraction: int
    def __init__(self, verdict: _Optional[_Union[FractionVerdict, str]] = ..., reasons: _Optional[_Iterable[_Union[_findings_pb2.Finding, _Mapping]]] = ..., setup: _Optional[_Union[SetupShift, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[FractionStructure, _Mapping]]] = ..., files: _Optional[_Iterable[_Union[FractionFileInfo, _Mapping]]] = ..., stages: _Optional[_Iterable[_Union[_contouring_pb2.StageDuration, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[_findings_pb2.Finding, _Mapping]]] = ..., fraction: _Optional[int] = ...) -> None: ...

class CourseFraction(_message.Message):
    __slots__ = ("fraction", "job_id", "daily_series_id", "state", "verdict", "reason", "setup", "structures", "create_time")
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    DAILY_SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SETUP_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    fraction: int
    job_id: str
    daily_series_id: str
    state: _contouring_pb2.JobState
    verdict: FractionVerdict
    reason: str
    setup: SetupShift
    structures: _containers.RepeatedCompositeFieldContainer[FractionStructure]
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, fraction: _Optional[int] = ..., job_id: _Optional[str] = ..., daily_series_id: _Optional[str] = ..., state: _Optional[_Union[_contouring_pb2.JobState, str]] = ..., verdict: _Optional[_Union[FractionVerdict, str]] = ..., reason: _Optional[str] = ..., setup: _Optional[_Union[SetupShift, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[FractionStructure, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Course(_message.Message):
    __slots__ = ("course_id", "label", "plan", "create_time", "fractions", "missing_fractions", "site", "watch")
    COURSE_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FRACTIONS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FRACTIONS_FIELD_NUMBER: _ClassVar[int]
    SITE_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    course_id: str
    label: str
    plan: Plan
    create_time: _timestamp_pb2.Timestamp
    fractions: _containers.RepeatedCompositeFieldContainer[CourseFraction]
    missing_fractions: _containers.RepeatedScalarFieldContainer[int]
    site: str
    watch: CourseWatch
    def __init__(self, course_id: _Optional[str] = ..., label: _Optional[str] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fractions: _Optional[_Iterable[_Union[CourseFraction, _Mapping]]] = ..., missing_fractions: _Optional[_Iterable[int]] = ..., site: _Optional[str] = ..., watch: _Optional[_Union[CourseWatch, _Mapping]] = ...) -> None: ...

class AxisWatch(_message.Message):
    __slots__ = ("axis", "fractions", "shifts_mm", "mean_mm", "sd_mm", "lower_mm", "centre_mm", "upper_mm")
    AXIS_FIELD_NUMBER: _ClassVar[int]
    FRACTIONS_FIELD_NUMBER: _ClassVar[int]
    SHIFTS_MM_FIELD_NUMBER: _ClassVar[int]
    MEAN_MM_FIELD_NUMBER: _ClassVar[int]
    SD_MM_FIELD_NUMBER: _ClassVar[int]
    LOWER_MM_FIELD_NUMBER: _ClassVar[int]
    CENTRE_MM_FIELD_NUMBER: _ClassVar[int]
    UPPER_MM_FIELD_NUMBER: _ClassVar[int]
    axis: str
    fractions: _containers.RepeatedScalarFieldContainer[int]
    shifts_mm: _containers.RepeatedScalarFieldContainer[float]
    mean_mm: float
    sd_mm: float
    lower_mm: float
    centre_mm: float
    upper_mm: float
    def __init__(self, axis: _Optional[str] = ..., fractions: _Optional[_Iterable[int]] = ..., shifts_mm: _Optional[_Iterable[float]] = ..., mean_mm: _Optional[float] = ..., sd_mm: _Optional[float] = ..., lower_mm: _Optional[float] = ..., centre_mm: _Optional[float] = ..., upper_mm: _Optional[float] = ...) -> None: ...

class ShiftWatch(_message.Message):
    __slots__ = ("what", "axes")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    AXES_FIELD_NUMBER: _ClassVar[int]
    what: str
    axes: _containers.RepeatedCompositeFieldContainer[AxisWatch]
    def __init__(self, what: _Optional[str] = ..., axes: _Optional[_Iterable[_Union[AxisWatch, _Mapping]]] = ...) -> None: ...

class MarginForecast(_message.Message):
    __slots__ = ("axis", "needed_now_mm", "exceeded_at", "earliest", "latest")
    AXIS_FIELD_NUMBER: _ClassVar[int]
    NEEDED_NOW_MM_FIELD_NUMBER: _ClassVar[int]
    EXCEEDED_AT_FIELD_NUMBER: _ClassVar[int]
    EARLIEST_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    axis: str
    needed_now_mm: float
    exceeded_at: int
    earliest: int
    latest: int
    def __init__(self, axis: _Optional[str] = ..., needed_now_mm: _Optional[float] = ..., exceeded_at: _Optional[int] = ..., earliest: _Optional[int] = ..., latest: _Optional[int] = ...) -> None: ...

class MarginWatch(_message.Message):
    __slots__ = ("target", "planned_mm", "needed_mm", "share", "prior_courses", "forecasts")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PLANNED_MM_FIELD_NUMBER: _ClassVar[int]
    NEEDED_MM_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    PRIOR_COURSES_FIELD_NUMBER: _ClassVar[int]
    FORECASTS_FIELD_NUMBER: _ClassVar[int]
    target: str
    planned_mm: _containers.RepeatedScalarFieldContainer[float]
    needed_mm: _containers.RepeatedScalarFieldContainer[float]
    share: float
    prior_courses: int
    forecasts: _containers.RepeatedCompositeFieldContainer[MarginForecast]
    def __init__(self, target: _Optional[str] = ..., planned_mm: _Optional[_Iterable[float]] = ..., needed_mm: _Optional[_Iterable[float]] = ..., share: _Optional[float] = ..., prior_courses: _Optional[int] = ..., forecasts: _Optional[_Iterable[_Union[MarginForecast, _Mapping]]] = ...) -> None: ...

class VolumeWatch(_message.Message):
    __slots__ = ("structure", "fractions", "changes_percent", "slope_percent_per_week", "slope_low_percent_per_week", "slope_high_percent_per_week")
    STRUCTURE_FIELD_NUMBER: _ClassVar[int]
    FRACTIONS_FIELD_NUMBER: _ClassVar[int]
    CHANGES_PERCENT_FIELD_NUMBER: _ClassVar[int]
    SLOPE_PERCENT_PER_WEEK_FIELD_NUMBER: _ClassVar[int]
    SLOPE_LOW_PERCENT_PER_WEEK_FIELD_NUMBER: _ClassVar[int]
    SLOPE_HIGH_PERCENT_PER_WEEK_FIELD_NUMBER: _ClassVar[int]
    structure: str
    fractions: _containers.RepeatedScalarFieldContainer[int]
    changes_percent: _containers.RepeatedScalarFieldContainer[float]
    slope_percent_per_week: float
    slope_low_percent_per_week: float
    slope_high_percent_per_week: float
    def __init__(self, structure: _Optional[str] = ..., fractions: _Optional[_Iterable[int]] = ..., changes_percent: _Optional[_Iterable[float]] = ..., slope_percent_per_week: _Optional[float] = ..., slope_low_percent_per_week: _Optional[float] = ..., slope_high_percent_per_week: _Optional[float] = ...) -> None: ...

class Trigger(_message.Message):
    __slots__ = ("rule", "level", "since_fraction", "structure", "axis", "figure", "limit", "evidence")
    RULE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FRACTION_FIELD_NUMBER: _ClassVar[int]
    STRUCTURE_FIELD_NUMBER: _ClassVar[int]
    AXIS_FIELD_NUMBER: _ClassVar[int]
    FIGURE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    rule: str
    level: Attention
    since_fraction: int
    structure: str
    axis: str
    figure: float
    limit: float
    evidence: str
    def __init__(self, rule: _Optional[str] = ..., level: _Optional[_Union[Attention, str]] = ..., since_fraction: _Optional[int] = ..., structure: _Optional[str] = ..., axis: _Optional[str] = ..., figure: _Optional[float] = ..., limit: _Optional[float] = ..., evidence: _Optional[str] = ...) -> None: ...

class DriftSource(_message.Message):
    __slots__ = ("source", "state", "since_fraction", "evidence")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FRACTION_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    source: str
    state: DriftState
    since_fraction: int
    evidence: str
    def __init__(self, source: _Optional[str] = ..., state: _Optional[_Union[DriftState, str]] = ..., since_fraction: _Optional[int] = ..., evidence: _Optional[str] = ...) -> None: ...

class CourseWatch(_message.Message):
    __slots__ = ("attention", "summary", "setup", "structures", "margins", "volumes", "triggers", "sources")
    ATTENTION_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    SETUP_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    MARGINS_FIELD_NUMBER: _ClassVar[int]
    VOLUMES_FIELD_NUMBER: _ClassVar[int]
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    attention: Attention
    summary: str
    setup: ShiftWatch
    structures: _containers.RepeatedCompositeFieldContainer[ShiftWatch]
    margins: _containers.RepeatedCompositeFieldContainer[MarginWatch]
    volumes: _containers.RepeatedCompositeFieldContainer[VolumeWatch]
    triggers: _containers.RepeatedCompositeFieldContainer[Trigger]
    sources: _containers.RepeatedCompositeFieldContainer[DriftSource]
    def __init__(self, attention: _Optional[_Union[Attention, str]] = ..., summary: _Optional[str] = ..., setup: _Optional[_Union[ShiftWatch, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[ShiftWatch, _Mapping]]] = ..., margins: _Optional[_Iterable[_Union[MarginWatch, _Mapping]]] = ..., volumes: _Optional[_Iterable[_Union[VolumeWatch, _Mapping]]] = ..., triggers: _Optional[_Iterable[_Union[Trigger, _Mapping]]] = ..., sources: _Optional[_Iterable[_Union[DriftSource, _Mapping]]] = ...) -> None: ...

class WatchFractionRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class WatchFractionResponse(_message.Message):
    __slots__ = ("operation",)
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    operation: _operations_pb2.Operation
    def __init__(self, operation: _Optional[_Union[_operations_pb2.Operation, _Mapping]] = ...) -> None: ...

class FetchFractionFileRequest(_message.Message):
    __slots__ = ("job_id", "file", "offset_bytes")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    file: FractionFile
    offset_bytes: int
    def __init__(self, job_id: _Optional[str] = ..., file: _Optional[_Union[FractionFile, str]] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class FetchFractionFileResponse(_message.Message):
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

class CreateCourseRequest(_message.Message):
    __slots__ = ("plan", "label", "request_id", "site")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SITE_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    label: str
    request_id: str
    site: str
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ..., label: _Optional[str] = ..., request_id: _Optional[str] = ..., site: _Optional[str] = ...) -> None: ...

class CreateCourseResponse(_message.Message):
    __slots__ = ("course",)
    COURSE_FIELD_NUMBER: _ClassVar[int]
    course: Course
    def __init__(self, course: _Optional[_Union[Course, _Mapping]] = ...) -> None: ...

class GetCourseRequest(_message.Message):
    __slots__ = ("course_id", "with_watch_json")
    COURSE_ID_FIELD_NUMBER: _ClassVar[int]
    WITH_WATCH_JSON_FIELD_NUMBER: _ClassVar[int]
    course_id: str
    with_watch_json: bool
    def __init__(self, course_id: _Optional[str] = ..., with_watch_json: _Optional[bool] = ...) -> None: ...

class GetCourseResponse(_message.Message):
    __slots__ = ("course", "watch_json")
    COURSE_FIELD_NUMBER: _ClassVar[int]
    WATCH_JSON_FIELD_NUMBER: _ClassVar[int]
    course: Course
    watch_json: str
    def __init__(self, course: _Optional[_Union[Course, _Mapping]] = ..., watch_json: _Optional[str] = ...) -> None: ...

class ListCoursesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "order")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    order: CourseOrder
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order: _Optional[_Union[CourseOrder, str]] = ...) -> None: ...

class ListCoursesResponse(_message.Message):
    __slots__ = ("courses", "next_page_token")
    COURSES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    courses: _containers.RepeatedCompositeFieldContainer[Course]
    next_page_token: str
    def __init__(self, courses: _Optional[_Iterable[_Union[Course, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchCourseRequest(_message.Message):
    __slots__ = ("course_id",)
    COURSE_ID_FIELD_NUMBER: _ClassVar[int]
    course_id: str
    def __init__(self, course_id: _Optional[str] = ...) -> None: ...

class WatchCourseResponse(_message.Message):
    __slots__ = ("course",)
    COURSE_FIELD_NUMBER: _ClassVar[int]
    course: Course
    def __init__(self, course: _Optional[_Union[Course, _Mapping]] = ...) -> None: ...

class DeleteCourseRequest(_message.Message):
    __slots__ = ("course_id",)
    COURSE_ID_FIELD_NUMBER: _ClassVar[int]
    course_id: str
    def __init__(self, course_id: _Optional[str] = ...) -> None: ...

class DeleteCourseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
