"""What a worker is told when it starts, and what a job tells it."""

from __future__ import annotations

import math
import socket
from dataclasses import dataclass, field
from pathlib import Path

from propersim_worker.failures import BadData
from propersim_worker.pb.propersim.trainer.v1 import trainer_service_pb2 as trainer

POLICY = "lora/1"
"""Kind and version of the adapters, in capabilities and manifests."""


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker runs. Times in seconds."""

    trainer: str
    """host:port of the trainer."""
    base: Path
    """Folder of the base model."""
    model: str
    """Name of the base model, as jobs name it."""
    cache: Path
    """Folder for parents and for reference log-probabilities."""
    name: str = field(default_factory=socket.gethostname)
    quantization: str = "nf4"
    device: str = "auto"
    max_rank: int = 64
    lease: float = 120.0
    wait: float = 30.0
    token: str = ""
    """Bearer token of the trainer; empty for none."""
    ca: bytes | None = None
    """Certificate authority of the trainer, PEM; None for plain text."""


@dataclass(frozen=True)
class Recipe:
    """The settings of one training, complete and checked."""

    beta: float
    epochs: int
    learning_rate: float
    batch_size: int
    weight_decay: float
    objective: str
    reference: str
    rank: int
    alpha: float
    dropout: float
    target_modules: tuple[str, ...]
    quantization: str
    max_prompt_tokens: int
    max_tokens: int
    gradient_checkpointing: bool
    held_out: float
    seed: int

    @classmethod
    def of(cls, job: trainer.Job) -> Recipe:
        """Read a job's settings. BadData for what this worker cannot do."""
        hp, lora = job.hyperparameters, job.hyperparameters.lora
        objectives = {
            trainer.OBJECTIVE_UNSPECIFIED: "dpo",
            trainer.OBJECTIVE_DPO_SIGMOID: "dpo",
            trainer.OBJECTIVE_KTO: "kto",
            trainer.OBJECTIVE_SFT: "sft",
        }
        references = {trainer.REFERENCE_BASE: "base", trainer.REFERENCE_PREVIOUS: "previous"}
        if not hp.HasField("lora"):
            raise BadData("hyperparameters.lora is missing")
        if hp.objective not in objectives:
            raise BadData(f"hyperparameters.objective: found {hp.objective}, want DPO_SIGMOID, KTO or SFT")
        if hp.reference not in references:
            raise BadData(f"hyperparameters.reference: found {hp.reference}, want BASE or PREVIOUS")
        for name in ("beta", "learning_rate"):
            value = getattr(hp, name)
            if not (math.isfinite(value) and value > 0):
                raise BadData(f"hyperparameters.{name}: found {value}, want a positive number")
        for name in ("rank", "alpha", "max_prompt_tokens", "max_tokens"):
            if getattr(lora, name) <= 0:
                raise BadData(f"hyperparameters.lora.{name}: found {getattr(lora, name)}, want a positive number")
        return cls(
            beta=hp.beta,
            epochs=hp.epochs,
            learning_rate=hp.learning_rate,
            batch_size=hp.batch_size,
            weight_decay=hp.weight_decay,
            objective=objectives[hp.objective],
            reference=references[hp.reference],
            rank=lora.rank,
            alpha=lora.alpha,
            dropout=lora.dropout,
            target_modules=tuple(lora.target_modules),
            quantization=lora.quantization,
            max_prompt_tokens=lora.max_prompt_tokens,
            max_tokens=lora.max_tokens,
            gradient_checkpointing=lora.gradient_checkpointing,
            held_out=lora.held_out if lora.HasField("held_out") else 0.1,
            seed=job.seed % 2**32,
        )
