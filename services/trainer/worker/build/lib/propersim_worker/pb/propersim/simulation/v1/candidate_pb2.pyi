from propersim_worker.pb.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Origin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORIGIN_UNSPECIFIED: _ClassVar[Origin]
    ORIGIN_SAMPLE: _ClassVar[Origin]
    ORIGIN_OPPOSITE: _ClassVar[Origin]
    ORIGIN_SECOND: _ClassVar[Origin]
ORIGIN_UNSPECIFIED: Origin
ORIGIN_SAMPLE: Origin
ORIGIN_OPPOSITE: Origin
ORIGIN_SECOND: Origin

class Recommendation(_message.Message):
    __slots__ = ("text", "topic", "tone")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    TONE_FIELD_NUMBER: _ClassVar[int]
    text: str
    topic: str
    tone: str
    def __init__(self, text: _Optional[str] = ..., topic: _Optional[str] = ..., tone: _Optional[str] = ...) -> None: ...

class Abstention(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Failure(_message.Message):
    __slots__ = ("outcome", "detail")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    detail: str
    def __init__(self, outcome: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("recommendation", "abstention", "failure", "origin", "completion")
    RECOMMENDATION_FIELD_NUMBER: _ClassVar[int]
    ABSTENTION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_FIELD_NUMBER: _ClassVar[int]
    recommendation: Recommendation
    abstention: Abstention
    failure: Failure
    origin: Origin
    completion: str
    def __init__(self, recommendation: _Optional[_Union[Recommendation, _Mapping]] = ..., abstention: _Optional[_Union[Abstention, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., origin: _Optional[_Union[Origin, str]] = ..., completion: _Optional[str] = ...) -> None: ...
