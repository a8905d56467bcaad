from propersim_worker.pb.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Action(_message.Message):
    __slots__ = ("kind", "description", "room", "object", "started_step", "walking", "asleep")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    STARTED_STEP_FIELD_NUMBER: _ClassVar[int]
    WALKING_FIELD_NUMBER: _ClassVar[int]
    ASLEEP_FIELD_NUMBER: _ClassVar[int]
    kind: str
    description: str
    room: str
    object: str
    started_step: int
    walking: bool
    asleep: bool
    def __init__(self, kind: _Optional[str] = ..., description: _Optional[str] = ..., room: _Optional[str] = ..., object: _Optional[str] = ..., started_step: _Optional[int] = ..., walking: _Optional[bool] = ..., asleep: _Optional[bool] = ...) -> None: ...

class Observation(_message.Message):
    __slots__ = ("kind", "description", "room", "object", "started_step", "walking")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    STARTED_STEP_FIELD_NUMBER: _ClassVar[int]
    WALKING_FIELD_NUMBER: _ClassVar[int]
    kind: str
    description: str
    room: str
    object: str
    started_step: int
    walking: bool
    def __init__(self, kind: _Optional[str] = ..., description: _Optional[str] = ..., room: _Optional[str] = ..., object: _Optional[str] = ..., started_step: _Optional[int] = ..., walking: _Optional[bool] = ...) -> None: ...
