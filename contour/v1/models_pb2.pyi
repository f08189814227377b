from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Model(_message.Message):
    __slots__ = ("name", "version", "structures", "summary", "is_default")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    structures: _containers.RepeatedScalarFieldContainer[str]
    summary: str
    is_default: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., structures: _Optional[_Iterable[str]] = ..., summary: _Optional[str] = ..., is_default: _Optional[bool] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model", "card")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    model: Model
    card: str
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ..., card: _Optional[str] = ...) -> None: ...

class Protocol(_message.Message):
    __slots__ = ("name", "version", "description", "structures", "models", "is_default")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    description: str
    structures: _containers.RepeatedScalarFieldContainer[str]
    models: _containers.RepeatedScalarFieldContainer[str]
    is_default: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., description: _Optional[str] = ..., structures: _Optional[_Iterable[str]] = ..., models: _Optional[_Iterable[str]] = ..., is_default: _Optional[bool] = ...) -> None: ...

class ProtocolStructure(_message.Message):
    __slots__ = ("name", "how", "keep")
    NAME_FIELD_NUMBER: _ClassVar[int]
    HOW_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    name: str
    how: str
    keep: bool
    def __init__(self, name: _Optional[str] = ..., how: _Optional[str] = ..., keep: _Optional[bool] = ...) -> None: ...

class ListProtocolsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListProtocolsResponse(_message.Message):
    __slots__ = ("protocols",)
    PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    protocols: _containers.RepeatedCompositeFieldContainer[Protocol]
    def __init__(self, protocols: _Optional[_Iterable[_Union[Protocol, _Mapping]]] = ...) -> None: ...

class GetProtocolRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetProtocolResponse(_message.Message):
    __slots__ = ("protocol", "structures", "toml")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    TOML_FIELD_NUMBER: _ClassVar[int]
    protocol: Protocol
    structures: _containers.RepeatedCompositeFieldContainer[ProtocolStructure]
    toml: str
    def __init__(self, protocol: _Optional[_Union[Protocol, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[ProtocolStructure, _Mapping]]] = ..., toml: _Optional[str] = ...) -> None: ...
