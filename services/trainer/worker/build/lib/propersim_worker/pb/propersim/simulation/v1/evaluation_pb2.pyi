from propersim_worker.pb.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Criterion(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CRITERION_UNSPECIFIED: _ClassVar[Criterion]
    CRITERION_PREFERENCE: _ClassVar[Criterion]
    CRITERION_TIMING: _ClassVar[Criterion]
    CRITERION_FREQUENCY: _ClassVar[Criterion]
    CRITERION_COMMUNICATION: _ClassVar[Criterion]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_PASS: _ClassVar[Outcome]
    OUTCOME_FAIL: _ClassVar[Outcome]
    OUTCOME_UNJUDGED: _ClassVar[Outcome]

class JudgeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JUDGE_KIND_UNSPECIFIED: _ClassVar[JudgeKind]
    JUDGE_KIND_EXACT: _ClassVar[JudgeKind]
    JUDGE_KIND_MODEL: _ClassVar[JudgeKind]
    JUDGE_KIND_PERSON: _ClassVar[JudgeKind]
CRITERION_UNSPECIFIED: Criterion
CRITERION_PREFERENCE: Criterion
CRITERION_TIMING: Criterion
CRITERION_FREQUENCY: Criterion
CRITERION_COMMUNICATION: Criterion
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_PASS: Outcome
OUTCOME_FAIL: Outcome
OUTCOME_UNJUDGED: Outcome
JUDGE_KIND_UNSPECIFIED: JudgeKind
JUDGE_KIND_EXACT: JudgeKind
JUDGE_KIND_MODEL: JudgeKind
JUDGE_KIND_PERSON: JudgeKind

class Verdict(_message.Message):
    __slots__ = ("criterion", "outcome", "reason", "judge")
    CRITERION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    JUDGE_FIELD_NUMBER: _ClassVar[int]
    criterion: Criterion
    outcome: Outcome
    reason: str
    judge: JudgeKind
    def __init__(self, criterion: _Optional[_Union[Criterion, str]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., reason: _Optional[str] = ..., judge: _Optional[_Union[JudgeKind, str]] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("verdicts", "total")
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    verdicts: _containers.RepeatedCompositeFieldContainer[Verdict]
    total: int
    def __init__(self, verdicts: _Optional[_Iterable[_Union[Verdict, _Mapping]]] = ..., total: _Optional[int] = ...) -> None: ...

class Moment(_message.Message):
    __slots__ = ("receptive", "protected", "due")
    RECEPTIVE_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    DUE_FIELD_NUMBER: _ClassVar[int]
    receptive: bool
    protected: bool
    due: bool
    def __init__(self, receptive: _Optional[bool] = ..., protected: _Optional[bool] = ..., due: _Optional[bool] = ...) -> None: ...
