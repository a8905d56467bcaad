"""Calls of the trainer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc

from propersim_worker.failures import BadData, Stopped, Transient
from propersim_worker.files import CONFIG_FILE, MODEL_FILE, AdapterFile, chunks
from propersim_worker.pb.propersim.buffer.v1 import preference_buffer_service_pb2 as buffer
from propersim_worker.pb.propersim.trainer.v1 import trainer_service_pb2 as trainer
from propersim_worker.pb.propersim.trainer.v1 import worker_service_pb2 as worker
from propersim_worker.pb.propersim.trainer.v1.trainer_service_pb2_grpc import TrainerServiceStub
from propersim_worker.pb.propersim.trainer.v1.worker_service_pb2_grpc import WorkerServiceStub
from propersim_worker.settings import POLICY, WorkerSettings
from propersim_worker.training import Progress, Result

MAX_MESSAGE = 33 << 20


class Client:
    """A connection to the trainer."""

    def __init__(self, settings: WorkerSettings) -> None:
        """Connect on first use."""
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_send_message_length", MAX_MESSAGE),
            ("grpc.max_reconnect_backoff_ms", 5000),
        ]
        if settings.ca is not None:
            self._channel = grpc.secure_channel(settings.trainer, grpc.ssl_channel_credentials(settings.ca), options)
        else:
            self._channel = grpc.insecure_channel(settings.trainer, options)
        self._settings = settings
        self._metadata = [("authorization", f"Bearer {settings.token}")] if settings.token else None
        self._jobs: Any = WorkerServiceStub(self._channel)
        self._adapters: Any = TrainerServiceStub(self._channel)

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def lease(self, capabilities: worker.WorkerCapabilities) -> worker.LeaseJobResponse:
        """Wait for a job; the response has none when the wait is over."""
        s = self._settings
        request = worker.LeaseJobRequest(worker=s.name, capabilities=capabilities)
        request.lease.FromTimedelta(timedelta(seconds=s.lease))
        request.wait.FromTimedelta(timedelta(seconds=s.wait))
        return self._jobs.LeaseJob(request, timeout=s.wait + 30, metadata=self._metadata)

    def pairs(self, job: str, token: int) -> tuple[str, list[buffer.PreferencePair]]:
        """Return the digest and the pairs of a leased job."""
        digest, out, count = "", [], -1
        request = worker.StreamPairsRequest(job_id=job, fencing_token=token)
        for part in self._jobs.StreamPairs(request, metadata=self._metadata):
            if part.HasField("header"):
                digest, count = part.header.digest, part.header.count
            out.extend(part.batch.pairs)
        if len(out) != count:
            raise Transient(f"the stream of pairs ended after {len(out)} of {count}")
        return digest, out

    def adapter(self, name: str) -> Path:
        """Return the folder of an adapter, downloaded unless it is there."""
        folder = self._settings.cache / "adapters" / name
        if (folder / CONFIG_FILE).exists():
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        manifest = self._download(name, folder)
        for file in manifest.files:
            if file.sha256 != AdapterFile.of(folder / f".{file.name}").sha256:
                raise Transient(f"{file.name} of adapter {name} was damaged on its way")
        for entry in (MODEL_FILE, CONFIG_FILE):  # the configuration last: it marks a folder that is complete
            (folder / f".{entry}").rename(folder / entry)
        return folder

    def _download(self, name: str, folder: Path) -> trainer.Manifest:
        """Write an adapter's files into a folder, each with a dot before its name, and return the manifest."""
        stream = self._adapters.DownloadAdapter(trainer.DownloadAdapterRequest(id=name), metadata=self._metadata)
        with contextlib.ExitStack() as stack:
            manifest = next(stream).manifest
            if manifest.policy != POLICY:
                stream.cancel()
                raise BadData(f"the parent is an adapter of policy {manifest.policy!r}, want {POLICY}")
            if sorted(file.name for file in manifest.files) != [CONFIG_FILE, MODEL_FILE]:
                stream.cancel()
                raise BadData(
                    f"the parent has the files {[file.name for file in manifest.files]}, want {[CONFIG_FILE, MODEL_FILE]}"
                )
            files = {n: stack.enter_context((folder / f".{n}").open("wb")) for n in (MODEL_FILE, CONFIG_FILE)}
            for part in stream:
                if part.chunk.file not in files:
                    stream.cancel()
                    raise BadData(f"the parent has a file {part.chunk.file!r}, want {MODEL_FILE} and {CONFIG_FILE}")
                files[part.chunk.file].write(part.chunk.data)
        return manifest

    def complete(self, job: str, token: int, digest: str, model: str, result: Result) -> None:
        """Upload a result, a chunk at a time."""
        header = worker.CompleteJobHeader(job_id=job, fencing_token=token, policy=POLICY, model=model, data_digest=digest)
        header.metrics.loss, header.metrics.margin, header.metrics.accuracy = (
            result.loss,
            result.margin,
            result.accuracy,
        )
        header.metrics.pairs, header.metrics.updates = result.pairs, result.updates
        header.metrics.held_out_pairs = result.held_out_pairs
        header.metrics.held_out_margin, header.metrics.held_out_accuracy = result.held_out_margin, result.held_out_accuracy
        header.metrics.parent_margin, header.metrics.parent_accuracy = result.parent_margin, result.parent_accuracy
        for p in result.probes:
            probe = header.probes.add(
                tokens=[*p.example.prompt_ids, *p.example.chosen_ids],
                answer_tokens=len(p.example.chosen_ids),
                adapter_logprob=p.adapter_logprob,
                base_logprob=p.base_logprob,
                answer=p.example.chosen,
            )
            for role, text in p.example.messages:
                probe.messages.add(role=role, content=text)
        for file in result.adapter.files:
            header.files.add(name=file.path.name, size=file.size, sha256=file.sha256)

        def messages() -> Iterator[worker.CompleteJobRequest]:
            yield worker.CompleteJobRequest(header=header)
            for file in result.adapter.files:
                at = 0
                for data in chunks(file.path):
                    chunk = trainer.ArtifactChunk(file=file.path.name, offset=at, data=data)
                    yield worker.CompleteJobRequest(chunk=chunk)
                    at += len(data)

        self._jobs.CompleteJob(messages(), metadata=self._metadata)

    def fail(self, job: str, token: int, reason: str, *, retryable: bool = False, returned: bool = False) -> None:
        """Hand a job back."""
        request = worker.FailJobRequest(
            job_id=job, fencing_token=token, reason=reason[:4000], retryable=retryable, returned=returned
        )
        self._jobs.FailJob(request, timeout=30, metadata=self._metadata)

    def heartbeat(self, job: str, token: int, progress: Progress | None) -> bool:
        """Renew a lease. Return whether the job was cancelled."""
        request = worker.HeartbeatRequest(job_id=job, fencing_token=token)
        request.lease.FromTimedelta(timedelta(seconds=self._settings.lease))
        if progress is not None:
            request.progress.update, request.progress.updates_total = progress.update, progress.updates_total
            request.progress.loss, request.progress.tokens_per_second = progress.loss, progress.tokens_per_second
            request.progress.device_memory_bytes = progress.device_memory
        return bool(self._jobs.Heartbeat(request, timeout=self._settings.lease / 3, metadata=self._metadata).cancelled)


def lease_lost(error: BaseException) -> bool:
    """Tell whether a call failed because the lease is no longer valid."""
    return isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.FAILED_PRECONDITION


class Heart:
    """Renews a lease in the background until it is closed, and notices its end."""

    def __init__(self, client: Client, job: str, token: int, every: float) -> None:
        """Beat every so many seconds."""
        self._client, self._job, self._token, self._every = client, job, token, every
        self._done = threading.Event()
        self.lost = threading.Event()
        """Set when the job was cancelled or the lease is lost."""
        self.progress: Progress | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heart:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self._every):
            try:
                if self._client.heartbeat(self._job, self._token, self.progress):
                    self.lost.set()
            except grpc.RpcError as error:
                if lease_lost(error) or error.code() == grpc.StatusCode.NOT_FOUND:
                    self.lost.set()
            if self.lost.is_set():
                return


def retry(call: Callable[[], Any], stop: threading.Event, attempts: int = 8) -> Any:
    """Repeat a call that fails with a transient error, with growing pauses. Stopped when stop is set meanwhile."""
    from propersim_worker.failures import classify

    for attempt in range(attempts):
        try:
            return call()
        except Exception as error:
            if lease_lost(error) or not classify(error).retryable or attempt == attempts - 1:
                raise
            if stop.wait(min(0.2 * 2**attempt, 10)):
                raise Stopped from error
    raise AssertionError("unreachable")
