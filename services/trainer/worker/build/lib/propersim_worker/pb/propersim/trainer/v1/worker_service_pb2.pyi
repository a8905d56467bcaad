import datetime

from propersim_worker.pb.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from propersim_worker.pb.propersim.buffer.v1 import preference_buffer_service_pb2 as _preference_buffer_service_pb2
from propersim_worker.pb.propersim.trainer.v1 import trainer_service_pb2 as _trainer_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkerCapabilities(_message.Message):
    __slots__ = ("policies", "model", "quantization", "device", "device_memory_bytes", "max_rank")
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_RANK_FIELD_NUMBER: _ClassVar[int]
    policies: _containers.RepeatedScalarFieldContainer[str]
    model: str
    quantization: str
    device: str
    device_memory_bytes: int
    max_rank: int
    def __init__(self, policies: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., quantization: _Optional[str] = ..., device: _Optional[str] = ..., device_memory_bytes: _Optional[int] = ..., max_rank: _Optional[int] = ...) -> None: ...

class LeaseJobRequest(_message.Message):
    __slots__ = ("worker", "lease", "wait", "capabilities")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    worker: str
    lease: _duration_pb2.Duration
    wait: _duration_pb2.Duration
    capabilities: WorkerCapabilities
    def __init__(self, worker: _Optional[str] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., capabilities: _Optional[_Union[WorkerCapabilities, _Mapping]] = ...) -> None: ...

class LeaseJobResponse(_message.Message):
    __slots__ = ("job", "fencing_token")
    JOB_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    job: _trainer_service_pb2.Job
    fencing_token: int
    def __init__(self, job: _Optional[_Union[_trainer_service_pb2.Job, _Mapping]] = ..., fencing_token: _Optional[int] = ...) -> None: ...

class StreamPairsRequest(_message.Message):
    __slots__ = ("job_id", "fencing_token")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    fencing_token: int
    def __init__(self, job_id: _Optional[str] = ..., fencing_token: _Optional[int] = ...) -> None: ...

class StreamPairsResponse(_message.Message):
    __slots__ = ("header", "batch")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    header: _preference_buffer_service_pb2.SampleHeader
    batch: _preference_buffer_service_pb2.PairBatch
    def __init__(self, header: _Optional[_Union[_preference_buffer_service_pb2.SampleHeader, _Mapping]] = ..., batch: _Optional[_Union[_preference_buffer_service_pb2.PairBatch, _Mapping]] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ("job_id", "fencing_token", "lease", "progress")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    fencing_token: int
    lease: _duration_pb2.Duration
    progress: _trainer_service_pb2.TrainingProgress
    def __init__(self, job_id: _Optional[str] = ..., fencing_token: _Optional[int] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., progress: _Optional[_Union[_trainer_service_pb2.TrainingProgress, _Mapping]] = ...) -> None: ...

class HeartbeatResponse(_message.Message):
    __slots__ = ("cancelled",)
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    cancelled: bool
    def __init__(self, cancelled: _Optional[bool] = ...) -> None: ...

class CompleteJobRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: CompleteJobHeader
    chunk: _trainer_service_pb2.ArtifactChunk
    def __init__(self, header: _Optional[_Union[CompleteJobHeader, _Mapping]] = ..., chunk: _Optional[_Union[_trainer_service_pb2.ArtifactChunk, _Mapping]] = ...) -> None: ...

class CompleteJobHeader(_message.Message):
    __slots__ = ("job_id", "fencing_token", "metrics", "policy", "model", "data_digest", "files", "probes")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DATA_DIGEST_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    fencing_token: int
    metrics: _trainer_service_pb2.TrainingMetrics
    policy: str
    model: str
    data_digest: str
    files: _containers.RepeatedCompositeFieldContainer[_trainer_service_pb2.ArtifactFile]
    probes: _containers.RepeatedCompositeFieldContainer[_trainer_service_pb2.Probe]
    def __init__(self, job_id: _Optional[str] = ..., fencing_token: _Optional[int] = ..., metrics: _Optional[_Union[_trainer_service_pb2.TrainingMetrics, _Mapping]] = ..., policy: _Optional[str] = ..., model: _Optional[str] = ..., data_digest: _Optional[str] = ..., files: _Optional[_Iterable[_Union[_trainer_service_pb2.ArtifactFile, _Mapping]]] = ..., probes: _Optional[_Iterable[_Union[_trainer_service_pb2.Probe, _Mapping]]] = ...) -> None: ...

class CompleteJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _trainer_service_pb2.Job
    def __init__(self, job: _Optional[_Union[_trainer_service_pb2.Job, _Mapping]] = ...) -> None: ...

class FailJobRequest(_message.Message):
    __slots__ = ("job_id", "fencing_token", "reason", "retryable", "returned")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    RETURNED_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    fencing_token: int
    reason: str
    retryable: bool
    returned: bool
    def __init__(self, job_id: _Optional[str] = ..., fencing_token: _Optional[int] = ..., reason: _Optional[str] = ..., retryable: _Optional[bool] = ..., returned: _Optional[bool] = ...) -> None: ...

class FailJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _trainer_service_pb2.Job
    def __init__(self, job: _Optional[_Union[_trainer_service_pb2.Job, _Mapping]] = ...) -> None: ...

class ListWorkersRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListWorkersResponse(_message.Message):
    __slots__ = ("workers", "next_page_token")
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workers: _containers.RepeatedCompositeFieldContainer[Worker]
    next_page_token: str
    def __init__(self, workers: _Optional[_Iterable[_Union[Worker, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Worker(_message.Message):
    __slots__ = ("name", "capabilities", "job", "last_seen", "lease_until")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    capabilities: WorkerCapabilities
    job: _trainer_service_pb2.Job
    last_seen: _timestamp_pb2.Timestamp
    lease_until: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., capabilities: _Optional[_Union[WorkerCapabilities, _Mapping]] = ..., job: _Optional[_Union[_trainer_service_pb2.Job, _Mapping]] = ..., last_seen: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lease_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
