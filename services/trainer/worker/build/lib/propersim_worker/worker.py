"""The loop of a worker: lease, train, upload; one job after the other on one base model."""

from __future__ import annotations

import logging
import threading

import grpc

from propersim_worker.base import Base
from propersim_worker.client import Client, Heart, lease_lost, retry
from propersim_worker.failures import Stopped, classify
from propersim_worker.pairs import hold_out, tokenize
from propersim_worker.pb.propersim.trainer.v1 import trainer_service_pb2 as trainer
from propersim_worker.pb.propersim.trainer.v1 import worker_service_pb2 as worker
from propersim_worker.refcache import ReferenceCache
from propersim_worker.settings import POLICY, Recipe, WorkerSettings
from propersim_worker.training import Progress, Result, train

log = logging.getLogger("propersim.worker")


class Worker:
    """Trains jobs until it is stopped. No job ends it: whatever goes wrong is handed back with a reason."""

    def __init__(self, settings: WorkerSettings, base: Base) -> None:
        """Use a base that is loaded."""
        self.settings, self.base = settings, base
        self.client = Client(settings)
        self.cache = ReferenceCache(settings.cache / "references.db")
        self.stopping = threading.Event()

    def stop(self) -> None:
        """Hand the present job back and end."""
        self.stopping.set()

    def capabilities(self) -> worker.WorkerCapabilities:
        """Say what this worker can train."""
        s = self.settings
        return worker.WorkerCapabilities(
            policies=[POLICY],
            model=s.model,
            quantization=s.quantization,
            max_rank=s.max_rank,
            device=self.base.device_name(),
            device_memory_bytes=self.base.device_memory(),
        )

    def run(self, jobs: int | None = None) -> None:
        """Train so many jobs, or until stop is called."""
        capabilities, done = self.capabilities(), 0
        while not self.stopping.is_set() and done != jobs:
            try:
                leased = self.client.lease(capabilities)
            except grpc.RpcError as error:
                if not classify(error).retryable:
                    raise  # the trainer refuses this worker: a person must look at it
                log.warning("the trainer cannot be reached: %s", error.code())
                self.stopping.wait(2)
                continue
            if leased.HasField("job"):
                self.handle(leased.job, leased.fencing_token)
                done += 1
        self.cache.close()
        self.client.close()

    def handle(self, job: trainer.Job, token: int) -> None:
        """Train one job and hand in its result, or the reason of its failure."""
        log.info("job %s: run %s, day %d, attempt %d", job.id, job.run_id, job.day, job.attempts)
        with Heart(self.client, job.id, token, self.settings.lease / 3) as heart:
            try:
                digest, result = self.train(job, token, heart)
                try:
                    if not heart.lost.is_set():
                        retry(lambda: self.client.complete(job.id, token, digest, self.settings.model, result), self.stopping)
                        log.info(
                            "job %s: loss %.4f, margin %.4f, accuracy %.2f",
                            job.id,
                            result.loss,
                            result.margin,
                            result.accuracy,
                        )
                        return
                finally:
                    result.adapter.remove()
            except Exception as error:
                if not heart.lost.is_set() and not lease_lost(error):
                    self.hand_back(job, token, error)
                    return
        log.warning("job %s: cancelled, or its lease is lost", job.id)

    def train(self, job: trainer.Job, token: int, heart: Heart) -> tuple[str, Result]:
        """Get what a training needs, and train."""
        recipe = Recipe.of(job)
        digest, pairs = retry(lambda: self.client.pairs(job.id, token), self.stopping)
        parent = retry(lambda: self.client.adapter(job.parent_adapter), self.stopping) if job.parent_adapter else None
        examples, held_out = hold_out(
            tokenize(pairs, self.base.tokenizer, recipe.max_prompt_tokens, recipe.max_tokens), job.run_id, recipe.held_out
        )

        def report(progress: Progress) -> None:
            heart.progress = progress

        result = train(
            self.base,
            recipe,
            examples,
            parent,
            self.cache,
            report,
            stop=lambda: heart.lost.is_set() or self.stopping.is_set(),
            model_name=self.settings.model,
            held_out=held_out,
        )
        return digest, result

    def hand_back(self, job: trainer.Job, token: int, error: Exception) -> None:
        """Say why a job failed; a worker that shuts down returns it without blame."""
        returned = isinstance(error, Stopped)
        failure = classify(error)
        reason = "the worker shuts down" if returned else str(failure)
        if returned:
            log.info("job %s: handed back", job.id)
        else:
            log.error("job %s: %s", job.id, reason, exc_info=error)
        try:
            retry(
                lambda: self.client.fail(job.id, token, reason, retryable=failure.retryable, returned=returned),
                threading.Event(),
                attempts=4,
            )
        except grpc.RpcError as lost:  # the lease expires by itself
            log.warning("job %s: could not be handed back: %s", job.id, lost.code())
