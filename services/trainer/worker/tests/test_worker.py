"""The loop of a worker against a trainer that a test programs."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest
import torch
from conftest import make_job, make_pair

from propersim_worker.base import Base
from propersim_worker.client import Client, retry
from propersim_worker.failures import BadData, JobError, OutOfMemory, Stopped, Transient, classify
from propersim_worker.pb.propersim.buffer.v1 import preference_buffer_service_pb2 as buffer
from propersim_worker.pb.propersim.trainer.v1 import trainer_service_pb2 as trainer
from propersim_worker.pb.propersim.trainer.v1 import trainer_service_pb2_grpc, worker_service_pb2_grpc
from propersim_worker.pb.propersim.trainer.v1 import worker_service_pb2 as worker
from propersim_worker.settings import Recipe, WorkerSettings
from propersim_worker.worker import Worker


class Trainer(worker_service_pb2_grpc.WorkerServiceServicer, trainer_service_pb2_grpc.TrainerServiceServicer):
    """Hands out jobs and notes what comes back."""

    def __init__(self) -> None:
        self.jobs: list[trainer.Job] = []
        self.pairs = [make_pair(i) for i in range(8)]
        self.completed: list[tuple[worker.CompleteJobHeader, dict[str, bytes]]] = []
        self.failed: list[worker.FailJobRequest] = []
        self.beats: list[worker.HeartbeatRequest] = []
        self.adapters: dict[str, tuple[trainer.Manifest, dict[str, bytes]]] = {}
        self.cancelled = self.lost = False
        self.unavailable = 0  # calls of StreamPairs that fail before one succeeds
        self.token = ""
        self.claimed = 0  # how many pairs the header says; 0 for as many as there are

    def LeaseJob(self, request: worker.LeaseJobRequest, context: grpc.ServicerContext) -> worker.LeaseJobResponse:
        if self.token and dict(context.invocation_metadata()).get("authorization") != f"Bearer {self.token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")
        assert request.capabilities.policies == ["lora/1"]
        assert request.lease.seconds >= 1
        if not self.jobs:
            time.sleep(0.01)
            return worker.LeaseJobResponse()
        return worker.LeaseJobResponse(job=self.jobs.pop(0), fencing_token=3)

    def StreamPairs(
        self, request: worker.StreamPairsRequest, context: grpc.ServicerContext
    ) -> Iterator[worker.StreamPairsResponse]:
        if self.unavailable > 0:
            self.unavailable -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "the buffer is away")
        yield worker.StreamPairsResponse(header=buffer.SampleHeader(count=self.claimed or len(self.pairs), digest="d" * 64))
        for at in range(0, len(self.pairs), 3):
            yield worker.StreamPairsResponse(batch=buffer.PairBatch(pairs=self.pairs[at : at + 3]))

    def Heartbeat(self, request: worker.HeartbeatRequest, context: grpc.ServicerContext) -> worker.HeartbeatResponse:
        self.beats.append(request)
        if self.lost:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "lease lost")
        return worker.HeartbeatResponse(cancelled=self.cancelled)

    def CompleteJob(
        self, messages: Iterator[worker.CompleteJobRequest], context: grpc.ServicerContext
    ) -> worker.CompleteJobResponse:
        header = next(messages).header
        files: dict[str, bytes] = {}
        for message in messages:
            files[message.chunk.file] = files.get(message.chunk.file, b"") + message.chunk.data
        for file in header.files:
            assert file.size == len(files[file.name])
            assert file.sha256 == hashlib.sha256(files[file.name]).hexdigest()
        self.completed.append((header, files))
        return worker.CompleteJobResponse()

    def FailJob(self, request: worker.FailJobRequest, context: grpc.ServicerContext) -> worker.FailJobResponse:
        self.failed.append(request)
        return worker.FailJobResponse()

    def DownloadAdapter(
        self, request: trainer.DownloadAdapterRequest, context: grpc.ServicerContext
    ) -> Iterator[trainer.DownloadAdapterResponse]:
        manifest, files = self.adapters[request.id]
        yield trainer.DownloadAdapterResponse(manifest=manifest)
        for name, content in files.items():
            yield trainer.DownloadAdapterResponse(chunk=trainer.ArtifactChunk(file=name, data=content))


@pytest.fixture
def service() -> Iterator[tuple[Trainer, str]]:
    server = grpc.server(futures.ThreadPoolExecutor(8))
    fake = Trainer()
    worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(fake, server)
    trainer_service_pb2_grpc.add_TrainerServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield fake, f"127.0.0.1:{port}"
    server.stop(None)


def make_worker(address: str, base: Base, folder: Path, tmp_path: Path, **changes: object) -> Worker:
    settings = WorkerSettings(
        trainer=address, base=folder, model="tiny", cache=tmp_path / "cache", name="w", lease=1.5, wait=1.0, **changes
    )
    return Worker(settings, base)


def test_a_job_is_trained_and_handed_in(service: tuple[Trainer, str], base: Base, folder: Path, tmp_path: Path) -> None:
    fake, address = service
    fake.jobs, fake.unavailable, fake.token = [make_job(epochs=3)], 2, "secret"
    make_worker(address, base, folder, tmp_path, token="secret").run(jobs=1)
    assert not fake.failed
    ((header, files),) = fake.completed
    assert (header.job_id, header.fencing_token, header.policy, header.model) == ("job-1", 3, "lora/1", "tiny")
    assert header.data_digest == "d" * 64
    assert header.metrics.pairs == 8
    assert header.metrics.accuracy > 0.5
    assert list(files) == ["adapter_config.json", "adapter_model.safetensors"], "nothing else, and in order"

    fake.adapters["day1"] = (trainer.Manifest(policy="lora/1", files=header.files), files)
    child = make_job(epochs=1)
    child.parent_adapter = "day1"
    fake.jobs = [child]
    make_worker(address, base, folder, tmp_path, token="secret").run(jobs=1)
    assert not fake.failed
    assert fake.completed[1][0].metrics.margin > 0
    broken = {name: content[:-1] + b"x" for name, content in files.items()}
    fake.adapters["damaged"] = (trainer.Manifest(policy="lora/1", files=header.files), broken)
    with pytest.raises(Transient, match="damaged"):
        make_worker(address, base, folder, tmp_path, token="secret").client.adapter("damaged")


def test_a_bad_job_does_not_end_the_worker(service: tuple[Trainer, str], base: Base, folder: Path, tmp_path: Path) -> None:
    fake, address = service
    long = make_job(max_tokens=100)
    fake.jobs = [long, make_job(quantization="none"), make_job(learning_rate=1e30), make_job(epochs=1)]
    make_worker(address, base, folder, tmp_path).run(jobs=4)
    reasons = [f.reason for f in fake.failed]
    assert len(reasons) == 3
    assert "max_tokens" in reasons[0]
    assert "quantization" in reasons[1]
    assert "loss of update" in reasons[2]
    assert not any(f.retryable or f.returned for f in fake.failed)
    assert len(fake.completed) == 1


def test_a_night_without_memory_is_handed_back_for_good(
    service: tuple[Trainer, str], base: Base, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.22 GiB")

    fake, address = service
    fake.jobs = [make_job(), make_job(epochs=1)]
    instance = make_worker(address, base, folder, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("propersim_worker.worker.train", full)
        instance.handle(fake.jobs.pop(0), 3)
    (request,) = fake.failed
    assert request.reason.startswith("out of memory")
    assert not request.retryable, "another attempt would fail again"
    instance.run(jobs=1)
    assert len(fake.completed) == 1, "the worker trains the next one"


def run_until(instance: Worker, condition: object) -> threading.Thread:
    thread = threading.Thread(target=instance.run, kwargs={"jobs": 1})
    thread.start()
    deadline = time.monotonic() + 120
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return thread


def test_a_worker_that_shuts_down_hands_its_job_back(
    service: tuple[Trainer, str], base: Base, folder: Path, tmp_path: Path
) -> None:
    fake, address = service
    fake.jobs = [make_job(epochs=100)]
    instance = make_worker(address, base, folder, tmp_path)
    thread = run_until(instance, lambda: any(b.progress.update for b in fake.beats))
    assert any(b.progress.updates_total == 200 for b in fake.beats)
    instance.stop()
    thread.join(120)
    (request,) = fake.failed
    assert request.returned
    assert not fake.completed


@pytest.mark.parametrize("how", ["cancelled", "lost"])
def test_a_job_that_is_gone_is_dropped(service: tuple[Trainer, str], base: Base, folder: Path, tmp_path: Path, how: str) -> None:
    fake, address = service
    fake.jobs = [make_job(epochs=100)]
    instance = make_worker(address, base, folder, tmp_path)
    thread = run_until(instance, lambda: bool(fake.beats))
    setattr(fake, how, True)
    thread.join(120)
    assert not thread.is_alive()
    assert not fake.failed
    assert not fake.completed


def test_failures_have_classes() -> None:
    assert isinstance(classify(MemoryError()), OutOfMemory)
    assert isinstance(classify(RuntimeError("CUDA out of memory. Tried")), OutOfMemory)
    assert isinstance(classify(ConnectionResetError()), Transient)
    assert classify(Transient("x")).retryable
    for error in (BadData("x"), ValueError("x"), OutOfMemory("x")):
        assert not classify(error).retryable
        assert isinstance(classify(error), JobError)


def test_a_retry_ends_with_the_worker() -> None:
    stop = threading.Event()
    stop.set()

    def fails() -> None:
        raise Transient("away")

    with pytest.raises(Stopped):
        retry(fails, stop)
    calls: list[int] = []

    def wrong() -> None:
        calls.append(1)
        raise BadData("no")

    with pytest.raises(BadData):
        retry(wrong, threading.Event())
    assert len(calls) == 1


def test_settings_are_checked() -> None:
    assert Recipe.of(make_job()).objective == "dpo"
    for changes, says in (
        ({"beta": 0}, "beta"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"reference": 0}, "reference"),
        ({"rank": 0}, "rank"),
    ):
        with pytest.raises(BadData, match=says):
            Recipe.of(make_job(**changes))
    job = make_job()
    job.hyperparameters.ClearField("lora")
    with pytest.raises(BadData, match="lora is missing"):
        Recipe.of(job)


def test_a_stream_of_pairs_that_ends_early_is_noticed(service: tuple[Trainer, str], folder: Path, tmp_path: Path) -> None:
    fake, address = service
    client = Client(WorkerSettings(trainer=address, base=folder, model="tiny", cache=tmp_path))
    assert len(client.pairs("job-1", 1)[1]) == 8

    fake.claimed = 9
    with pytest.raises(Transient, match="8 of 9"):
        client.pairs("job-1", 1)
