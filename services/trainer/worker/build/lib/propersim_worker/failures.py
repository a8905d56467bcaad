"""The ways in which a job can fail. Only transient ones are tried again."""

from __future__ import annotations

import grpc


class JobError(Exception):
    """A failure with a class of its own. `retryable` says whether another attempt may succeed."""

    retryable = False


class BadData(JobError):
    """The pairs or the settings cannot be trained on."""


class OutOfMemory(JobError):
    """The device's memory does not suffice."""


class NotFinite(JobError):
    """The loss, or a weight, is NaN or infinite."""


class Broken(JobError):
    """A check of the training itself failed: what came out cannot be trusted."""


class Transient(JobError):
    """A service could not be reached, or a file could not be read for the moment."""

    retryable = True


class Stopped(Exception):
    """The training was asked to stop: the job was cancelled, its lease was lost, or the worker shuts down."""


TRANSIENT_CODES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
    }
)


def classify(error: BaseException) -> JobError:
    """Give an exception its class. What is unknown is not retried: it would most likely fail again."""
    if isinstance(error, JobError):
        return error
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "out of memory" in str(error).lower():
        return OutOfMemory(f"out of memory: {text}")
    if isinstance(error, grpc.RpcError) and error.code() in TRANSIENT_CODES:
        return Transient(text)
    if isinstance(error, ConnectionError | TimeoutError):
        return Transient(text)
    return JobError(text)
