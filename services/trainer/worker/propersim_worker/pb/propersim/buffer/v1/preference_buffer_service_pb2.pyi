from propersim_worker.pb.buf.validate import validate_pb2 as _validate_pb2
from propersim_worker.pb.propersim.simulation.v1 import action_pb2 as _action_pb2
from propersim_worker.pb.propersim.simulation.v1 import candidate_pb2 as _candidate_pb2
from propersim_worker.pb.propersim.simulation.v1 import evaluation_pb2 as _evaluation_pb2
from propersim_worker.pb.propersim.simulation.v1 import prompt_pb2 as _prompt_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Draw(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRAW_UNSPECIFIED: _ClassVar[Draw]
    DRAW_UNIFORM: _ClassVar[Draw]
    DRAW_RECENCY: _ClassVar[Draw]
    DRAW_STRATIFIED: _ClassVar[Draw]

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_JSONL: _ClassVar[ExportFormat]
    EXPORT_FORMAT_PARQUET: _ClassVar[ExportFormat]
DRAW_UNSPECIFIED: Draw
DRAW_UNIFORM: Draw
DRAW_RECENCY: Draw
DRAW_STRATIFIED: Draw
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_JSONL: ExportFormat
EXPORT_FORMAT_PARQUET: ExportFormat

class PreferencePair(_message.Message):
    __slots__ = ("run_id", "step", "day", "prompt", "observation", "chosen", "rejected", "chosen_evaluation", "rejected_evaluation", "adapter", "index")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_EVALUATION_FIELD_NUMBER: _ClassVar[int]
    REJECTED_EVALUATION_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    step: int
    day: int
    prompt: _prompt_pb2.Prompt
    observation: _action_pb2.Observation
    chosen: _candidate_pb2.Candidate
    rejected: _candidate_pb2.Candidate
    chosen_evaluation: _evaluation_pb2.Evaluation
    rejected_evaluation: _evaluation_pb2.Evaluation
    adapter: str
    index: int
    def __init__(self, run_id: _Optional[str] = ..., step: _Optional[int] = ..., day: _Optional[int] = ..., prompt: _Optional[_Union[_prompt_pb2.Prompt, _Mapping]] = ..., observation: _Optional[_Union[_action_pb2.Observation, _Mapping]] = ..., chosen: _Optional[_Union[_candidate_pb2.Candidate, _Mapping]] = ..., rejected: _Optional[_Union[_candidate_pb2.Candidate, _Mapping]] = ..., chosen_evaluation: _Optional[_Union[_evaluation_pb2.Evaluation, _Mapping]] = ..., rejected_evaluation: _Optional[_Union[_evaluation_pb2.Evaluation, _Mapping]] = ..., adapter: _Optional[str] = ..., index: _Optional[int] = ...) -> None: ...

class AppendRequest(_message.Message):
    __slots__ = ("pairs",)
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[PreferencePair]
    def __init__(self, pairs: _Optional[_Iterable[_Union[PreferencePair, _Mapping]]] = ...) -> None: ...

class AppendResponse(_message.Message):
    __slots__ = ("appended",)
    APPENDED_FIELD_NUMBER: _ClassVar[int]
    appended: int
    def __init__(self, appended: _Optional[int] = ...) -> None: ...

class SampleRequest(_message.Message):
    __slots__ = ("run_id", "count", "seed", "through_day", "draw", "half_life_days")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    THROUGH_DAY_FIELD_NUMBER: _ClassVar[int]
    DRAW_FIELD_NUMBER: _ClassVar[int]
    HALF_LIFE_DAYS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    count: int
    seed: int
    through_day: int
    draw: Draw
    half_life_days: float
    def __init__(self, run_id: _Optional[str] = ..., count: _Optional[int] = ..., seed: _Optional[int] = ..., through_day: _Optional[int] = ..., draw: _Optional[_Union[Draw, str]] = ..., half_life_days: _Optional[float] = ...) -> None: ...

class SampleResponse(_message.Message):
    __slots__ = ("header", "batch")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    header: SampleHeader
    batch: PairBatch
    def __init__(self, header: _Optional[_Union[SampleHeader, _Mapping]] = ..., batch: _Optional[_Union[PairBatch, _Mapping]] = ...) -> None: ...

class SampleHeader(_message.Message):
    __slots__ = ("count", "digest", "population")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    count: int
    digest: str
    population: int
    def __init__(self, count: _Optional[int] = ..., digest: _Optional[str] = ..., population: _Optional[int] = ...) -> None: ...

class PairBatch(_message.Message):
    __slots__ = ("pairs",)
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[PreferencePair]
    def __init__(self, pairs: _Optional[_Iterable[_Union[PreferencePair, _Mapping]]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("run_id", "after_step")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_STEP_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    after_step: int
    def __init__(self, run_id: _Optional[str] = ..., after_step: _Optional[int] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("pair",)
    PAIR_FIELD_NUMBER: _ClassVar[int]
    pair: PreferencePair
    def __init__(self, pair: _Optional[_Union[PreferencePair, _Mapping]] = ...) -> None: ...

class CountRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class CountResponse(_message.Message):
    __slots__ = ("count", "last_step")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_STEP_FIELD_NUMBER: _ClassVar[int]
    count: int
    last_step: int
    def __init__(self, count: _Optional[int] = ..., last_step: _Optional[int] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("run_ids", "format", "after_steps")
    class AfterStepsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    AFTER_STEPS_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[str]
    format: ExportFormat
    after_steps: _containers.ScalarMap[str, int]
    def __init__(self, run_ids: _Optional[_Iterable[str]] = ..., format: _Optional[_Union[ExportFormat, str]] = ..., after_steps: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ExportResponse(_message.Message):
    __slots__ = ("chunk", "written", "without_prompt")
    class WithoutPromptEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_PROMPT_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    written: int
    without_prompt: _containers.ScalarMap[str, int]
    def __init__(self, chunk: _Optional[bytes] = ..., written: _Optional[int] = ..., without_prompt: _Optional[_Mapping[str, int]] = ...) -> None: ...
