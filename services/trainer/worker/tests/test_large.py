"""An adapter of the size of a 70B model's travels in little memory."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from propersim_worker.client import Client
from propersim_worker.failures import BadData
from propersim_worker.files import CHUNK, CONFIG_FILE, MODEL_FILE, AdapterFolder, chunks
from propersim_worker.pb.propersim.trainer.v1 import trainer_service_pb2 as trainer
from propersim_worker.pb.propersim.trainer.v1 import trainer_service_pb2_grpc, worker_service_pb2_grpc
from propersim_worker.pb.propersim.trainer.v1 import worker_service_pb2 as worker
from propersim_worker.settings import WorkerSettings
from propersim_worker.training import Result

SIZE = 414_187_520
"""Bytes of the factors of rank 16 in bf16 of a Llama 3.3 70B."""


class Store(worker_service_pb2_grpc.WorkerServiceServicer, trainer_service_pb2_grpc.TrainerServiceServicer):
    """Checks an upload without keeping it, and sends a file of that size."""

    def __init__(self) -> None:
        self.received: dict[str, str] = {}
        self.header = worker.CompleteJobHeader()
        self.policy = "lora/1"
        self.extra = False
        self.folder = Path()

    def CompleteJob(
        self, messages: Iterator[worker.CompleteJobRequest], context: grpc.ServicerContext
    ) -> worker.CompleteJobResponse:
        self.header = next(messages).header
        digests, at = {f.name: hashlib.sha256() for f in self.header.files}, {f.name: 0 for f in self.header.files}
        for message in messages:
            assert message.chunk.offset == at[message.chunk.file]
            digests[message.chunk.file].update(message.chunk.data)
            at[message.chunk.file] += len(message.chunk.data)
        self.received = {name: digest.hexdigest() for name, digest in digests.items()}
        return worker.CompleteJobResponse()

    def DownloadAdapter(
        self, request: trainer.DownloadAdapterRequest, context: grpc.ServicerContext
    ) -> Iterator[trainer.DownloadAdapterResponse]:
        yield trainer.DownloadAdapterResponse(manifest=trainer.Manifest(policy=self.policy, files=self.header.files))
        for file in self.header.files:
            for data in chunks(self.folder / file.name):
                yield trainer.DownloadAdapterResponse(chunk=trainer.ArtifactChunk(file=file.name, data=data))
        if self.extra:
            yield trainer.DownloadAdapterResponse(chunk=trainer.ArtifactChunk(file="../x.bin", data=b"x"))


@pytest.fixture
def store() -> Iterator[tuple[Store, str]]:
    options = [("grpc.max_receive_message_length", 4 * CHUNK)]
    server = grpc.server(futures.ThreadPoolExecutor(2), options=options)
    fake = Store()
    worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(fake, server)
    trainer_service_pb2_grpc.add_TrainerServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield fake, f"127.0.0.1:{port}"
    server.stop(None)


def make_folder(path: Path, size: int) -> AdapterFolder:
    """Make an adapter of so many bytes, which the disk need not have."""
    path.mkdir()
    (path / CONFIG_FILE).write_text("{}")
    with (path / MODEL_FILE).open("wb") as file:
        file.truncate(size)
    return AdapterFolder(path)


def memory(field: str) -> int:
    """Return a number of /proc/self/status, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) << 10
    raise AssertionError(field)


def make_result(adapter: AdapterFolder) -> Result:
    return Result(adapter=adapter, loss=0.5, margin=0.1, accuracy=0.9, pairs=1, updates=1)


def test_a_large_adapter_travels_in_little_memory(store: tuple[Store, str], tmp_path: Path) -> None:
    fake, address = store
    adapter = make_folder(tmp_path / "made", SIZE)
    fake.folder = adapter.path
    client = Client(WorkerSettings(trainer=address, base=tmp_path, model="tiny", cache=tmp_path / "cache"))
    client.complete("job-1", 1, "d" * 64, "tiny", make_result(make_folder(tmp_path / "first", CHUNK)))  # connects
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    before, began = memory("VmRSS"), time.monotonic()
    client.complete("job-1", 1, "d" * 64, "tiny", make_result(adapter))
    uploaded = time.monotonic() - began
    assert fake.received == {file.path.name: file.sha256 for file in adapter.files}
    folder = client.adapter("parent")
    more = memory("VmHWM") - before
    print(f"uploaded in {uploaded:.1f} s, downloaded in {time.monotonic() - began - uploaded:.1f} s, {more >> 20} MiB more")
    assert more <= 64 << 20, "of both ends together"
    assert AdapterFolder(folder).files[1].sha256 == adapter.files[1].sha256
    client.close()


def test_a_parent_with_other_files_is_refused(store: tuple[Store, str], tmp_path: Path) -> None:
    fake, address = store
    adapter = make_folder(tmp_path / "made", CHUNK)
    fake.folder = adapter.path
    client = Client(WorkerSettings(trainer=address, base=tmp_path, model="tiny", cache=tmp_path / "cache"))
    client.complete("job-1", 1, "d" * 64, "tiny", make_result(adapter))
    fake.extra = True
    with pytest.raises(BadData, match=r"x\.bin"):
        client.adapter("extra")
    fake.header.files.add(name="adapter_model.bin")
    with pytest.raises(BadData, match=r"adapter_model\.bin"):
        client.adapter("listed")
    fake.policy = "log-linear/1"
    with pytest.raises(BadData, match="policy"):
        client.adapter("policy")
    assert not list(tmp_path.rglob("x.bin"))
    client.close()


def test_an_adapter_that_is_handed_in_leaves_no_files(tmp_path: Path) -> None:
    adapter = make_folder(tmp_path / "made", CHUNK)
    adapter.remove()
    adapter.remove()
    assert not (tmp_path / "made").exists()
    again = make_folder(tmp_path / "made", CHUNK)
    path = again.path
    del again
    assert not path.exists(), "also when nobody hands it in"
    shutil.rmtree(path, ignore_errors=True)
