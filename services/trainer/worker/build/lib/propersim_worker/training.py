"""One night's training on a base that stays loaded."""

from __future__ import annotations

import json
import math
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from peft.utils import set_peft_model_state_dict
from safetensors.torch import load_file
from torch.utils.data import Sampler
from transformers import PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer

from propersim_worker import losses
from propersim_worker.base import Base, assert_not_packed
from propersim_worker.failures import BadData, Broken, NotFinite, Stopped
from propersim_worker.files import CONFIG_FILE, MODEL_FILE, AdapterFolder
from propersim_worker.pairs import Example
from propersim_worker.refcache import ReferenceCache
from propersim_worker.settings import Recipe

MODEL_INPUTS = ("input_ids", "attention_mask")


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    update: int
    updates_total: int
    loss: float
    tokens_per_second: float
    device_memory: int


@dataclass(frozen=True)
class Result:
    """What a training gave. Loss in nats, margin in units of the implicit reward."""

    adapter: AdapterFolder
    loss: float
    margin: float
    accuracy: float
    pairs: int
    updates: int
    held_out_pairs: int = 0
    held_out_margin: float = 0.0
    held_out_accuracy: float = 0.0
    parent_margin: float = 0.0
    parent_accuracy: float = 0.0
    probes: tuple[Probe, ...] = ()


PROBES = 8
"""How many questions test the adapter where it is served."""


@dataclass(frozen=True)
class Probe:
    """A question with its chosen answer and the answer's log-probabilities, nats."""

    example: Example
    adapter_logprob: float
    base_logprob: float


class Order(Sampler[int]):
    """The stream's own order in the first epoch, one drawn from the seed in each later one."""

    def __init__(self, size: int, seed: int) -> None:
        """Order so many examples."""
        self.size, self.seed, self.epoch = size, seed, 0

    def __len__(self) -> int:
        """Return the number of examples."""
        return self.size

    def __iter__(self) -> Iterator[int]:
        """Yield the next epoch's order."""
        order = list(range(self.size))
        if self.epoch > 0:
            random.Random(f"{self.seed}/{self.epoch}").shuffle(order)
        self.epoch += 1
        return iter(order)


class PairTrainer(DPOTrainer):
    """TRL's DPO trainer on examples that are tokenized and have their reference log-probabilities."""

    def __init__(self, *args: Any, recipe: Recipe, **kwargs: Any) -> None:
        """See DPOTrainer."""
        self.recipe = recipe
        self.train_dataset: Any
        super().__init__(*args, **kwargs)

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Order:
        return Order(len(train_dataset if train_dataset is not None else self.train_dataset), self.recipe.seed)

    def use_references(self, references: Sequence[tuple[float, float]]) -> None:
        """Set the reference log-probabilities of the examples, in their order."""
        dataset = self.train_dataset.add_column("ref_chosen_logps", [r[0] for r in references])
        self.train_dataset = dataset.add_column("ref_rejected_logps", [r[1] for r in references])
        self.precompute_ref_logps = True

    def log_probs(self, model: Any, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the summed log-probabilities of the chosen and of the rejected answers of a batch."""
        labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
        out = model(**{k: inputs[k] for k in MODEL_INPUTS}, labels=labels, use_cache=False, fused_lm_head=True)
        chosen, rejected = out.log_probs.sum(dim=1).chunk(2, dim=0)
        return chosen, rejected

    def _compute_loss(self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool) -> Any:
        if self.recipe.objective != "kto":
            return super()._compute_loss(model, inputs, return_outputs)
        chosen, rejected = self.log_probs(model, inputs)
        return losses.kto(chosen, rejected, inputs["ref_chosen_logps"], inputs["ref_rejected_logps"], self.recipe.beta).mean()


class Watch(TrainerCallback):
    """Reports each update, and stops a training that went wrong or is asked to stop."""

    def __init__(self, base: Base, tokens: int, report: Callable[[Progress], None], stop: Callable[[], bool]) -> None:
        """Report to, and ask, these functions; tokens is how many an epoch has."""
        self.base, self.tokens, self.report, self.stop = base, tokens, report, stop
        self.losses: list[float] = []
        self.began = time.monotonic()
        self.stopped = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        self.began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop when asked to."""
        if self.stop():
            self.stopped = True
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Report an update."""
        if not logs or "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise NotFinite(f"the loss of update {state.global_step} is {loss}")
        self.losses.append(loss)
        rate = self.tokens * float(state.epoch or 0) / max(time.monotonic() - self.began, 1e-9)
        self.report(Progress(state.global_step, state.max_steps, loss, rate, self.base.memory()))


def train(
    base: Base,
    recipe: Recipe,
    examples: Sequence[Example],
    parent: Path | None,
    cache: ReferenceCache,
    report: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    model_name: str = "",
    held_out: Sequence[Example] = (),
) -> Result:
    """Train the child of parent (None for the base itself) and return its files.

    The examples that are held out are not trained on: parent and child are compared on them.

    The base is the same after the call as before, whatever happens.
    """
    if not examples:
        raise BadData("no pairs to train on")
    if all(e.tie for e in examples):
        raise BadData(f"all {len(examples)} pairs are ties: chosen and rejected answer are the same text")
    if recipe.quantization != base.quantization:
        raise BadData(f"hyperparameters.lora.quantization: found {recipe.quantization}, this worker has {base.quantization}")
    assert_not_packed(base.model)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = new_trainer(base, recipe, examples, Path(scratch))
        try:
            return _train(trainer, base, recipe, examples, held_out, parent, cache, report, stop, model_name)
        finally:
            base.release(trainer.model)


def new_trainer(base: Base, recipe: Recipe, examples: Sequence[Example], scratch: Path) -> PairTrainer:
    """Put a fresh adapter on the base and build its trainer."""
    dataset = Dataset.from_list(
        [{"prompt_ids": e.prompt_ids, "chosen_ids": e.chosen_ids, "rejected_ids": e.rejected_ids} for e in examples]
    )
    config = DPOConfig(
        output_dir=str(scratch),
        beta=recipe.beta,
        loss_type=["sft" if recipe.objective == "sft" else "sigmoid"],
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=recipe.batch_size,
        activation_checkpointing=recipe.gradient_checkpointing,
        max_length=recipe.max_tokens,
        lr_scheduler_type="linear",
        seed=recipe.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        bf16=base.device == "cuda",
        use_cpu=base.device == "cpu",
        dataloader_pin_memory=base.device == "cuda",
        disable_dropout=False,
    )
    lora = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.target_modules),
        bias="none",
        task_type="CAUSAL_LM",
    )
    trainer = PairTrainer(
        model=base.model,
        args=config,
        train_dataset=dataset,
        processing_class=base.tokenizer,
        peft_config=lora,
        recipe=recipe,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def load_parent(trainer: PairTrainer, folder: Path, recipe: Recipe) -> None:
    """Continue from an adapter: every one of its weights must find its place, and none may be left out.

    No adapter but "default" exists then, so that the base is the model without it.
    """
    config = json.loads((folder / CONFIG_FILE).read_text())
    found, want = (config["r"], sorted(config["target_modules"])), (recipe.rank, sorted(recipe.target_modules))
    if found != want:
        raise BadData(f"the parent has rank and modules {found}, want {want}")
    weights = load_file(folder / MODEL_FILE)
    expected = sum(1 for name, _ in trainer.model.named_parameters() if ".lora_" in name and ".default." in name)
    outcome = set_peft_model_state_dict(trainer.model, weights)
    missing = [key for key in outcome.missing_keys if ".lora_" in key][:3]
    unexpected = outcome.unexpected_keys[:3]
    if missing or unexpected or expected != len(weights):
        raise BadData(f"the parent has {len(weights)} tensors, want {expected}: missing {missing}, unexpected {unexpected}")


def evaluate(trainer: PairTrainer, examples: Sequence[Example], *, adapter: bool) -> list[tuple[float, float]]:
    """Return the log-probabilities of the examples, in their order, with the adapter or without.

    Each example is a batch of its own, as in training. In bf16 the log-probabilities of an answer depend on the shape of
    its batch, by half a nat for 150 tokens: an example that was evaluated among others would not match itself later.
    """
    model = trainer.model
    was_training = model.training
    model.eval()
    out: list[tuple[float, float]] = [(0.0, 0.0)] * len(examples)
    try:
        for i, e in enumerate(examples):
            rows = [{"prompt_ids": e.prompt_ids, "chosen_ids": e.chosen_ids, "rejected_ids": e.rejected_ids}]
            inputs = {k: v.to(model.device) for k, v in trainer.data_collator(rows).items()}
            with torch.no_grad():
                if adapter:
                    chosen, rejected = trainer.log_probs(model, inputs)
                else:
                    with model.disable_adapter():
                        chosen, rejected = trainer.log_probs(model, inputs)
            out[i] = (float(chosen), float(rejected))
    finally:
        model.train(was_training)
    return out


def references(
    trainer: PairTrainer, base: Base, recipe: Recipe, examples: Sequence[Example], cache: ReferenceCache
) -> list[tuple[float, float]]:
    """Return the reference log-probabilities."""
    if recipe.reference == "previous":
        return evaluate(trainer, examples, adapter=True)  # before the first update the policy is its parent
    return of_base(trainer, base, examples, cache)


def of_base(trainer: PairTrainer, base: Base, examples: Sequence[Example], cache: ReferenceCache) -> list[tuple[float, float]]:
    """Return the log-probabilities under the base, which are computed once for each pair."""
    known = cache.get(base.fingerprint, [e.key for e in examples])
    unknown = [e for e in examples if e.key not in known]
    if unknown:
        values = evaluate(trainer, unknown, adapter=False)
        new = {e.key: v for e, v in zip(unknown, values, strict=True)}
        if not all(math.isfinite(x) for v in new.values() for x in v):
            raise NotFinite("the base model gives log-probabilities that are not finite")
        cache.put(base.fingerprint, new)
        known |= new
    return [known[e.key] for e in examples]


LN2_TOLERANCE = 0.02
"""How far the loss of an untrained policy may be from ln 2, nats: what bf16 and padding leave."""


def check_start(trainer: PairTrainer, recipe: Recipe, examples: Sequence[Example], refs: Sequence[tuple[float, float]]) -> None:
    """Compare the DPO loss before the first update with ln 2, which it is where the policy is its reference.

    Necessary, not sufficient: it finds references of another model or of other pairs, cached ones included.
    """
    few = list(examples[:4])
    for (chosen, rejected), (ref_chosen, ref_rejected) in zip(evaluate(trainer, few, adapter=True), refs, strict=False):
        margin = recipe.beta * ((chosen - ref_chosen) - (rejected - ref_rejected))
        loss = math.log1p(math.exp(-margin))
        if abs(loss - math.log(2)) > LN2_TOLERANCE:
            raise Broken(f"the loss before the first update is {loss:.6f}, want ln 2: the policy is not its reference")


def _train(
    trainer: PairTrainer,
    base: Base,
    recipe: Recipe,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    parent: Path | None,
    cache: ReferenceCache,
    report: Callable[[Progress], None],
    stop: Callable[[], bool],
    model_name: str,
) -> Result:
    if parent is not None:
        load_parent(trainer, parent, recipe)
    refs = references(trainer, base, recipe, examples, cache)
    held_refs = references(trainer, base, recipe, held_out, cache)
    # A policy that equals its reference has no margin; computed, it would be the rounding of bf16.
    equal = parent is None or recipe.reference == "previous"
    before = [0.0] * len(held_out) if equal else margins_of(trainer, recipe, held_out, held_refs)
    if stop():
        raise Stopped
    if equal:
        check_start(trainer, recipe, examples, refs)
    trainer.use_references(refs)
    assert_not_packed(trainer.model)
    watch = Watch(base, sum(e.tokens for e in examples), report, stop)
    trainer.add_callback(watch)
    trainer.train()
    if watch.stopped:
        raise Stopped
    margins = margins_of(trainer, recipe, examples, refs)
    after = margins_of(trainer, recipe, held_out, held_refs)
    adapter = save(trainer, model_name)
    last = watch.losses[-max(1, len(watch.losses) // recipe.epochs) :]
    return Result(
        adapter=adapter,
        loss=sum(last) / len(last),
        margin=sum(margins) / len(margins),
        accuracy=sum(m > 0 for m in margins) / len(margins),
        pairs=len(examples),
        updates=trainer.state.global_step,
        held_out_pairs=len(held_out),
        held_out_margin=mean(after),
        held_out_accuracy=accuracy_of(after),
        parent_margin=mean(before),
        parent_accuracy=accuracy_of(before),
        probes=probes_of(trainer, base, [*held_out, *examples][:PROBES], cache),
    )


def margins_of(
    trainer: PairTrainer, recipe: Recipe, examples: Sequence[Example], refs: Sequence[tuple[float, float]]
) -> list[float]:
    """Return the implicit-reward margin of each example under the present adapter."""
    return [
        recipe.beta * ((chosen - ref_chosen) - (rejected - ref_rejected))
        for (chosen, rejected), (ref_chosen, ref_rejected) in zip(evaluate(trainer, examples, adapter=True), refs, strict=True)
    ]


def mean(margins: Sequence[float]) -> float:
    """Return the mean; 0 of none."""
    return sum(margins) / len(margins) if margins else 0.0


def accuracy_of(margins: Sequence[float]) -> float:
    """Return the share of positive margins, one of 0 counting one half; 0 of none."""
    return mean([0.5 if m == 0 else float(m > 0) for m in margins])


def probes_of(trainer: PairTrainer, base: Base, examples: Sequence[Example], cache: ReferenceCache) -> tuple[Probe, ...]:
    """Return the examples with the log-probabilities of their chosen answers under the adapter and under the base."""
    under, without = evaluate(trainer, examples, adapter=True), of_base(trainer, base, examples, cache)
    return tuple(Probe(e, a[0], b[0]) for e, a, b in zip(examples, under, without, strict=True))


def save(trainer: PairTrainer, model_name: str) -> AdapterFolder:
    """Write the adapter's two files; what else PEFT writes is removed."""
    for name, parameter in trainer.model.named_parameters():
        if ".lora_" in name and not bool(torch.isfinite(parameter).all()):
            raise NotFinite(f"the weight {name} is not finite after training")
    folder = Path(tempfile.mkdtemp(prefix="propersim-adapter-"))
    try:
        trainer.model.save_pretrained(folder, safe_serialization=True)
        for other in folder.iterdir():
            if other.name not in (MODEL_FILE, CONFIG_FILE):
                other.unlink()
        config = json.loads((folder / CONFIG_FILE).read_text())
        config["base_model_name_or_path"] = model_name
        (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        return AdapterFolder(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
