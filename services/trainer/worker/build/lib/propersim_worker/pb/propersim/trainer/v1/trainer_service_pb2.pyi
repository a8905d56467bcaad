import datetime

from propersim_worker.pb.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from propersim_worker.pb.propersim.buffer.v1 import preference_buffer_service_pb2 as _preference_buffer_service_pb2
from propersim_worker.pb.propersim.simulation.v1 import prompt_pb2 as _prompt_pb2
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
    JOB_STATE_LEASED: _ClassVar[JobState]
    JOB_STATE_TRAINED: _ClassVar[JobState]
    JOB_STATE_PUBLISHED: _ClassVar[JobState]
    JOB_STATE_LOADED: _ClassVar[JobState]
    JOB_STATE_VERIFIED: _ClassVar[JobState]
    JOB_STATE_ACTIVE: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_REJECTED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]

class Reference(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFERENCE_UNSPECIFIED: _ClassVar[Reference]
    REFERENCE_BASE: _ClassVar[Reference]
    REFERENCE_PREVIOUS: _ClassVar[Reference]

class Executor(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXECUTOR_UNSPECIFIED: _ClassVar[Executor]
    EXECUTOR_EMBEDDED: _ClassVar[Executor]
    EXECUTOR_WORKER: _ClassVar[Executor]

class Objective(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBJECTIVE_UNSPECIFIED: _ClassVar[Objective]
    OBJECTIVE_DPO_SIGMOID: _ClassVar[Objective]
    OBJECTIVE_KTO: _ClassVar[Objective]
    OBJECTIVE_SFT: _ClassVar[Objective]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_LEASED: JobState
JOB_STATE_TRAINED: JobState
JOB_STATE_PUBLISHED: JobState
JOB_STATE_LOADED: JobState
JOB_STATE_VERIFIED: JobState
JOB_STATE_ACTIVE: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_REJECTED: JobState
JOB_STATE_CANCELLED: JobState
REFERENCE_UNSPECIFIED: Reference
REFERENCE_BASE: Reference
REFERENCE_PREVIOUS: Reference
EXECUTOR_UNSPECIFIED: Executor
EXECUTOR_EMBEDDED: Executor
EXECUTOR_WORKER: Executor
OBJECTIVE_UNSPECIFIED: Objective
OBJECTIVE_DPO_SIGMOID: Objective
OBJECTIVE_KTO: Objective
OBJECTIVE_SFT: Objective

class Hyperparameters(_message.Message):
    __slots__ = ("beta", "epochs", "learning_rate", "batch_size", "pairs", "reference", "weight_decay", "objective", "draw", "half_life_days", "lora", "factored", "averaged_epochs")
    BETA_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    DRAW_FIELD_NUMBER: _ClassVar[int]
    HALF_LIFE_DAYS_FIELD_NUMBER: _ClassVar[int]
    LORA_FIELD_NUMBER: _ClassVar[int]
    FACTORED_FIELD_NUMBER: _ClassVar[int]
    AVERAGED_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    beta: float
    epochs: int
    learning_rate: float
    batch_size: int
    pairs: int
    reference: Reference
    weight_decay: float
    objective: Objective
    draw: _preference_buffer_service_pb2.Draw
    half_life_days: float
    lora: Lora
    factored: bool
    averaged_epochs: int
    def __init__(self, beta: _Optional[float] = ..., epochs: _Optional[int] = ..., learning_rate: _Optional[float] = ..., batch_size: _Optional[int] = ..., pairs: _Optional[int] = ..., reference: _Optional[_Union[Reference, str]] = ..., weight_decay: _Optional[float] = ..., objective: _Optional[_Union[Objective, str]] = ..., draw: _Optional[_Union[_preference_buffer_service_pb2.Draw, str]] = ..., half_life_days: _Optional[float] = ..., lora: _Optional[_Union[Lora, _Mapping]] = ..., factored: _Optional[bool] = ..., averaged_epochs: _Optional[int] = ...) -> None: ...

class Lora(_message.Message):
    __slots__ = ("model", "rank", "alpha", "dropout", "target_modules", "quantization", "max_prompt_tokens", "max_tokens", "gradient_checkpointing", "held_out")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_FIELD_NUMBER: _ClassVar[int]
    TARGET_MODULES_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    MAX_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CHECKPOINTING_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_FIELD_NUMBER: _ClassVar[int]
    model: str
    rank: int
    alpha: float
    dropout: float
    target_modules: _containers.RepeatedScalarFieldContainer[str]
    quantization: str
    max_prompt_tokens: int
    max_tokens: int
    gradient_checkpointing: bool
    held_out: float
    def __init__(self, model: _Optional[str] = ..., rank: _Optional[int] = ..., alpha: _Optional[float] = ..., dropout: _Optional[float] = ..., target_modules: _Optional[_Iterable[str]] = ..., quantization: _Optional[str] = ..., max_prompt_tokens: _Optional[int] = ..., max_tokens: _Optional[int] = ..., gradient_checkpointing: _Optional[bool] = ..., held_out: _Optional[float] = ...) -> None: ...

class TrainingMetrics(_message.Message):
    __slots__ = ("loss", "margin", "accuracy", "pairs", "updates", "held_out_pairs", "held_out_margin", "held_out_accuracy", "parent_margin", "parent_accuracy")
    LOSS_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_PAIRS_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_MARGIN_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PARENT_MARGIN_FIELD_NUMBER: _ClassVar[int]
    PARENT_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    loss: float
    margin: float
    accuracy: float
    pairs: int
    updates: int
    held_out_pairs: int
    held_out_margin: float
    held_out_accuracy: float
    parent_margin: float
    parent_accuracy: float
    def __init__(self, loss: _Optional[float] = ..., margin: _Optional[float] = ..., accuracy: _Optional[float] = ..., pairs: _Optional[int] = ..., updates: _Optional[int] = ..., held_out_pairs: _Optional[int] = ..., held_out_margin: _Optional[float] = ..., held_out_accuracy: _Optional[float] = ..., parent_margin: _Optional[float] = ..., parent_accuracy: _Optional[float] = ...) -> None: ...

class GateCheck(_message.Message):
    __slots__ = ("name", "passed", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    passed: bool
    detail: str
    def __init__(self, name: _Optional[str] = ..., passed: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class Probe(_message.Message):
    __slots__ = ("messages", "tokens", "answer_tokens", "adapter_logprob", "base_logprob", "answer")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_LOGPROB_FIELD_NUMBER: _ClassVar[int]
    BASE_LOGPROB_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_prompt_pb2.Message]
    tokens: _containers.RepeatedScalarFieldContainer[int]
    answer_tokens: int
    adapter_logprob: float
    base_logprob: float
    answer: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_prompt_pb2.Message, _Mapping]]] = ..., tokens: _Optional[_Iterable[int]] = ..., answer_tokens: _Optional[int] = ..., adapter_logprob: _Optional[float] = ..., base_logprob: _Optional[float] = ..., answer: _Optional[str] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("id", "run_id", "day", "state", "reason", "parent_adapter", "hyperparameters", "executor", "seed", "data_digest", "adapter", "metrics", "attempts", "progress", "state_time", "served_model", "gate", "create_time", "training_seconds", "run_handle")
    ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PARENT_ADAPTER_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DATA_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SERVED_MODEL_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TRAINING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RUN_HANDLE_FIELD_NUMBER: _ClassVar[int]
    id: str
    run_id: str
    day: int
    state: JobState
    reason: str
    parent_adapter: str
    hyperparameters: Hyperparameters
    executor: Executor
    seed: int
    data_digest: str
    adapter: str
    metrics: TrainingMetrics
    attempts: int
    progress: TrainingProgress
    state_time: _timestamp_pb2.Timestamp
    served_model: str
    gate: _containers.RepeatedCompositeFieldContainer[GateCheck]
    create_time: _timestamp_pb2.Timestamp
    training_seconds: float
    run_handle: str
    def __init__(self, id: _Optional[str] = ..., run_id: _Optional[str] = ..., day: _Optional[int] = ..., state: _Optional[_Union[JobState, str]] = ..., reason: _Optional[str] = ..., parent_adapter: _Optional[str] = ..., hyperparameters: _Optional[_Union[Hyperparameters, _Mapping]] = ..., executor: _Optional[_Union[Executor, str]] = ..., seed: _Optional[int] = ..., data_digest: _Optional[str] = ..., adapter: _Optional[str] = ..., metrics: _Optional[_Union[TrainingMetrics, _Mapping]] = ..., attempts: _Optional[int] = ..., progress: _Optional[_Union[TrainingProgress, _Mapping]] = ..., state_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., served_model: _Optional[str] = ..., gate: _Optional[_Iterable[_Union[GateCheck, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., training_seconds: _Optional[float] = ..., run_handle: _Optional[str] = ...) -> None: ...

class TrainingProgress(_message.Message):
    __slots__ = ("update", "updates_total", "loss", "tokens_per_second", "device_memory_bytes")
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    UPDATES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    DEVICE_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    update: int
    updates_total: int
    loss: float
    tokens_per_second: float
    device_memory_bytes: int
    def __init__(self, update: _Optional[int] = ..., updates_total: _Optional[int] = ..., loss: _Optional[float] = ..., tokens_per_second: _Optional[float] = ..., device_memory_bytes: _Optional[int] = ...) -> None: ...

class SubmitJobRequest(_message.Message):
    __slots__ = ("run_id", "day", "parent_adapter", "hyperparameters", "executor", "seed", "run_handle")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    PARENT_ADAPTER_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    RUN_HANDLE_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    day: int
    parent_adapter: str
    hyperparameters: Hyperparameters
    executor: Executor
    seed: int
    run_handle: str
    def __init__(self, run_id: _Optional[str] = ..., day: _Optional[int] = ..., parent_adapter: _Optional[str] = ..., hyperparameters: _Optional[_Union[Hyperparameters, _Mapping]] = ..., executor: _Optional[_Union[Executor, str]] = ..., seed: _Optional[int] = ..., run_handle: _Optional[str] = ...) -> None: ...

class SubmitJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("run_id", "page_size", "page_token", "states")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[JobState]
    def __init__(self, run_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[JobState, str]]] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class WatchJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class CancelJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class Manifest(_message.Message):
    __slots__ = ("id", "parent", "day", "data_digest", "hyperparameters", "metrics", "policy", "model", "seed", "files")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    DATA_DIGEST_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    id: str
    parent: str
    day: int
    data_digest: str
    hyperparameters: Hyperparameters
    metrics: TrainingMetrics
    policy: str
    model: str
    seed: int
    files: _containers.RepeatedCompositeFieldContainer[ArtifactFile]
    def __init__(self, id: _Optional[str] = ..., parent: _Optional[str] = ..., day: _Optional[int] = ..., data_digest: _Optional[str] = ..., hyperparameters: _Optional[_Union[Hyperparameters, _Mapping]] = ..., metrics: _Optional[_Union[TrainingMetrics, _Mapping]] = ..., policy: _Optional[str] = ..., model: _Optional[str] = ..., seed: _Optional[int] = ..., files: _Optional[_Iterable[_Union[ArtifactFile, _Mapping]]] = ...) -> None: ...

class ArtifactFile(_message.Message):
    __slots__ = ("name", "size", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    size: int
    sha256: str
    def __init__(self, name: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class ArtifactChunk(_message.Message):
    __slots__ = ("file", "offset", "data")
    FILE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    file: str
    offset: int
    data: bytes
    def __init__(self, file: _Optional[str] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class GetAdapterRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetAdapterResponse(_message.Message):
    __slots__ = ("manifest",)
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    manifest: Manifest
    def __init__(self, manifest: _Optional[_Union[Manifest, _Mapping]] = ...) -> None: ...

class DownloadAdapterRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DownloadAdapterResponse(_message.Message):
    __slots__ = ("manifest", "chunk")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    manifest: Manifest
    chunk: ArtifactChunk
    def __init__(self, manifest: _Optional[_Union[Manifest, _Mapping]] = ..., chunk: _Optional[_Union[ArtifactChunk, _Mapping]] = ...) -> None: ...

class ListKeptAdaptersRequest(_message.Message):
    __slots__ = ("run_id", "page_size", "page_token")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    page_size: int
    page_token: str
    def __init__(self, run_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListKeptAdaptersResponse(_message.Message):
    __slots__ = ("adapters", "next_page_token")
    ADAPTERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    adapters: _containers.RepeatedCompositeFieldContainer[KeptAdapter]
    next_page_token: str
    def __init__(self, adapters: _Optional[_Iterable[_Union[KeptAdapter, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class KeptAdapter(_message.Message):
    __slots__ = ("job", "bytes", "collect_time", "kept_for")
    JOB_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    COLLECT_TIME_FIELD_NUMBER: _ClassVar[int]
    KEPT_FOR_FIELD_NUMBER: _ClassVar[int]
    job: Job
    bytes: int
    collect_time: _timestamp_pb2.Timestamp
    kept_for: str
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ..., bytes: _Optional[int] = ..., collect_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kept_for: _Optional[str] = ...) -> None: ...

class KeepAdapterRequest(_message.Message):
    __slots__ = ("run_id", "adapter")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    adapter: str
    def __init__(self, run_id: _Optional[str] = ..., adapter: _Optional[str] = ...) -> None: ...

class KeepAdapterResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
