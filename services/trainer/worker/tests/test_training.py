"""The training itself, on a tiny model in 4 bit."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import bitsandbytes.functional as bnb
import pytest
import torch
import torch.nn.functional as F
from conftest import make_recipe
from safetensors.torch import load, save_file
from transformers import LlamaForCausalLM

from propersim_worker import training
from propersim_worker.base import Base, assert_not_packed
from propersim_worker.dequantize import dequantize
from propersim_worker.failures import BadData, Broken, NotFinite, Stopped
from propersim_worker.pairs import Example, tokenize
from propersim_worker.refcache import ReferenceCache
from propersim_worker.settings import Recipe


@pytest.fixture
def cache(tmp_path: Path) -> ReferenceCache:
    return ReferenceCache(tmp_path / "refs.db")


@pytest.fixture
def examples(base: Base, pairs: list) -> list[Example]:
    return tokenize(pairs, base.tokenizer, 400, 500)


def as_folder(result: training.Result, folder: Path) -> Path:
    shutil.copytree(result.adapter.path, folder)
    return folder


def weights(result: training.Result) -> bytes:
    return (result.adapter.path / training.MODEL_FILE).read_bytes()


def test_a_night_learns(base: Base, examples: list[Example], cache: ReferenceCache) -> None:
    seen: list[training.Progress] = []
    result = training.train(base, make_recipe(epochs=4), examples, None, cache, report=seen.append, model_name="tiny")
    assert seen[0].loss == pytest.approx(math.log(2), abs=1e-3), "the first update begins at ln 2"
    assert result.loss < seen[0].loss
    assert result.margin > 0
    assert result.accuracy > 0.9
    assert (result.pairs, result.updates) == (12, 12)
    assert [p.update for p in seen] == list(range(1, 13))
    assert seen[-1].updates_total == 12
    assert seen[-1].tokens_per_second > 0

    tensors = load(weights(result))
    assert len(tensors) == 2 * 7 * 2, "two factors of seven modules in two layers"
    assert all(name.startswith("base_model.model.model.layers.") for name in tensors)
    config = json.loads((result.adapter.path / training.CONFIG_FILE).read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"], config["bias"]) == ("LORA", 4, 8, "none")
    assert config["base_model_name_or_path"] == "tiny"


def test_held_out_pairs_are_compared_with_the_parent(
    base: Base, examples: list[Example], cache: ReferenceCache, tmp_path: Path
) -> None:
    first = training.train(base, make_recipe(epochs=4), examples[:8], None, cache, held_out=examples[8:])
    assert (first.pairs, first.held_out_pairs) == (8, 4)
    assert (first.parent_margin, first.parent_accuracy) == (0.0, 0.5), "the base is the reference"
    assert first.held_out_margin > 0
    assert first.held_out_accuracy > 0.5
    same = training.train(base, make_recipe(epochs=4), examples[:8], None, cache)
    assert same.loss == pytest.approx(first.loss, abs=1e-6), "what is held out changes no training"
    assert (same.held_out_pairs, same.held_out_margin, same.held_out_accuracy) == (0, 0.0, 0.0)

    parent = as_folder(first, tmp_path / "day1")
    second = training.train(base, make_recipe(epochs=1), examples[:8], parent, cache, held_out=examples[8:])
    assert second.parent_margin == pytest.approx(first.held_out_margin, abs=0.02)
    assert second.parent_accuracy == first.held_out_accuracy


def test_probes_have_the_log_probabilities_of_their_answers(base: Base, examples: list[Example], cache: ReferenceCache) -> None:
    result = training.train(base, make_recipe(epochs=4), examples[:10], None, cache, held_out=examples[10:])
    assert [p.example.step for p in result.probes] == [10, 11, 0, 1, 2, 3, 4, 5], "those held out come first"
    for p in result.probes:
        ids = torch.tensor([[*p.example.prompt_ids, *p.example.chosen_ids]])
        with torch.no_grad():
            logits = base.model(ids).logits[0].float().log_softmax(-1)
        answer = range(len(p.example.prompt_ids), ids.shape[1])
        plain = sum(float(logits[i - 1, ids[0, i]]) for i in answer)
        assert p.base_logprob == pytest.approx(plain, abs=0.5), "bf16"
        assert p.adapter_logprob > p.base_logprob, "the chosen answers have become likelier"


def test_ties_are_refused(base: Base, examples: list[Example], cache: ReferenceCache) -> None:
    ties = [Example(e.step, e.prompt_ids, e.chosen_ids, e.chosen_ids) for e in examples]
    with pytest.raises(BadData, match="all 12 pairs are ties"):
        training.train(base, make_recipe(), ties, None, cache)
    assert training.train(base, make_recipe(), [*ties[:6], *examples[6:]], None, cache).pairs == 12


def test_the_base_is_the_same_after_a_night(base: Base, examples: list[Example], cache: ReferenceCache) -> None:
    before = {name: p.detach().clone() for name, p in base.model.named_parameters()}
    first = training.train(base, make_recipe(), examples, None, cache)
    after = dict(base.model.named_parameters())
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(p.requires_grad for p in after.values())
    again = training.train(base, make_recipe(), examples, None, cache)
    assert weights(first) == weights(again), "the same training gives the same bytes"
    other = training.train(base, make_recipe(), list(reversed(examples)), None, cache)
    assert weights(other) != weights(first)


def test_a_failed_night_leaves_the_base_alone(base: Base, examples: list[Example], cache: ReferenceCache) -> None:
    first = training.train(base, make_recipe(), examples, None, cache)
    with pytest.raises(NotFinite, match="loss of update"):
        training.train(base, make_recipe(learning_rate=1e30), examples, None, cache)
    assert weights(training.train(base, make_recipe(), examples, None, cache)) == weights(first)


def test_a_training_stops_when_asked(base: Base, examples: list[Example], cache: ReferenceCache) -> None:
    seen: list[training.Progress] = []
    with pytest.raises(Stopped):
        training.train(base, make_recipe(epochs=50), examples, None, cache, report=seen.append, stop=lambda: len(seen) >= 2)
    assert len(seen) <= 3


def test_base_and_previous_differ_on_the_second_day(
    base: Base, examples: list[Example], cache: ReferenceCache, tmp_path: Path
) -> None:
    parent = as_folder(training.train(base, make_recipe(epochs=4), examples, None, cache), tmp_path / "day1")
    first: dict[str, float] = {}
    results = {}
    for reference, number in (("base", 1), ("previous", 2)):
        seen: list[training.Progress] = []
        recipe = make_recipe(reference=number, dropout=0.0)
        results[reference] = training.train(base, recipe, examples, parent, cache, report=seen.append)
        first[reference] = seen[0].loss
    assert first["previous"] == pytest.approx(math.log(2), abs=1e-2), "the policy begins at its reference"
    assert first["base"] < math.log(2) - 0.02, "the parent is ahead of the base already"
    assert results["base"].margin > results["previous"].margin
    assert weights(results["base"]) != weights(results["previous"])


def test_the_child_begins_as_its_parent(base: Base, examples: list[Example], cache: ReferenceCache, tmp_path: Path) -> None:
    day1 = training.train(base, make_recipe(epochs=3), examples, None, cache)
    parent = as_folder(day1, tmp_path / "day1")
    child = training.train(base, make_recipe(learning_rate=1e-30, dropout=0.0), examples, parent, cache)
    before, after = load(weights(day1)), load(weights(child))
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert child.margin == pytest.approx(day1.margin, abs=1e-2)


def test_a_parent_that_does_not_fit_is_refused(
    base: Base, examples: list[Example], cache: ReferenceCache, tmp_path: Path
) -> None:
    day1 = training.train(base, make_recipe(), examples, None, cache)
    parent = as_folder(day1, tmp_path / "day1")
    with pytest.raises(BadData, match="rank"):
        training.train(base, make_recipe(rank=8), examples, parent, cache)
    tensors = load(weights(day1))
    gone = tensors.pop(next(iter(tensors)))
    save_file(tensors, parent / training.MODEL_FILE)
    with pytest.raises(BadData, match="27 tensors, want 28"):
        training.train(base, make_recipe(), examples, parent, cache)
    tensors["base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight"] = gone
    save_file(tensors, parent / training.MODEL_FILE)
    with pytest.raises(BadData, match="unexpected"):
        training.train(base, make_recipe(), examples, parent, cache)


@pytest.mark.parametrize("objective", [2, 3])
def test_other_objectives_learn(base: Base, examples: list[Example], cache: ReferenceCache, objective: int) -> None:
    seen: list[training.Progress] = []
    result = training.train(base, make_recipe(objective=objective, epochs=4), examples, None, cache, report=seen.append)
    assert result.loss < seen[0].loss
    if objective == 2:
        assert seen[0].loss == pytest.approx(0.5, abs=1e-3), "at the reference both answers are worth a half"
        assert result.accuracy > 0.9


def test_references_are_computed_once(
    base: Base, examples: list[Example], cache: ReferenceCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real = training.evaluate

    def counted(trainer: object, some: list[Example], *, adapter: bool) -> list[tuple[float, float]]:
        if not adapter:
            calls.append(len(some))
        return real(trainer, some, adapter=adapter)

    monkeypatch.setattr(training, "evaluate", counted)
    first = training.train(base, make_recipe(), examples[:8], None, cache)
    again = training.train(base, make_recipe(), examples[:8], None, cache)
    training.train(base, make_recipe(), examples, None, cache)
    assert calls == [8, 4], "and only the new pairs of the third night"
    assert weights(first) == weights(again)


def test_references_of_another_model_are_noticed(base: Base, examples: list[Example], cache: ReferenceCache) -> None:
    cache.put(base.fingerprint, {e.key: (-1.0, -90.0) for e in examples})
    with pytest.raises(Broken, match="ln 2"):
        training.train(base, make_recipe(), examples, None, cache)


def test_checkpointing_changes_no_result_and_ends_with_the_job(
    base: Base, examples: list[Example], cache: ReferenceCache
) -> None:
    plain = training.train(base, make_recipe(), examples, None, cache)
    saving = training.train(base, make_recipe(gradient_checkpointing=True), examples, None, cache)
    assert saving.loss == pytest.approx(plain.loss, abs=5e-3)
    assert not base.model.is_gradient_checkpointing
    assert not base.model.get_input_embeddings()._forward_hooks
    assert weights(training.train(base, make_recipe(), examples, None, cache)) == weights(plain)


def test_another_quantization_is_refused(base: Base, examples: list[Example], cache: ReferenceCache) -> None:
    with pytest.raises(BadData, match="quantization"):
        training.train(base, make_recipe(quantization="none"), examples, None, cache)


class Packed(torch.nn.Module):
    """A layer in the state in which bitsandbytes leaves it on some CPUs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.weight.quant_state = type("State", (), {"packing_format_for_cpu": True})()


def test_packed_layers_are_noticed() -> None:
    assert_not_packed(torch.nn.Linear(2, 2))
    with pytest.raises(Broken, match="packed"):
        assert_not_packed(torch.nn.Sequential(Packed()))


def test_the_fault_of_bitsandbytes_is_caught(folder: Path, examples: list[Example], cache: ReferenceCache) -> None:
    """Cause the fault itself, where the processor has what it takes."""
    from bitsandbytes.functional import has_avx512bf16
    from bitsandbytes.nn import modules

    if not has_avx512bf16():
        pytest.skip("this processor has no AVX512_BF16")
    faulty = Base(folder, "nf4", "cpu")
    modules.has_avx512bf16 = has_avx512bf16
    for module in faulty.model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = True
    with pytest.raises(Broken, match="packed"):
        training.train(faulty, make_recipe(), examples, None, cache)


def plain_gradients(
    base: Base, recipe: Recipe, factors: dict[str, torch.Tensor], example: Example, folder: Path
) -> dict[str, torch.Tensor]:
    """Compute the DPO gradient by plain PyTorch: full logits, dequantized weights, LoRA by hand, in float32."""
    plain = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    weights = dict(plain.named_parameters())
    with torch.no_grad():
        for name, parameter in base.model.named_parameters():
            state = getattr(parameter, "quant_state", None)
            value = bnb.dequantize_4bit(parameter.data, state) if state is not None else parameter
            weights[name].copy_(value.float().reshape(weights[name].shape))
    leaves = {name: value.float().clone().requires_grad_(True) for name, value in factors.items()}
    changed = {name: value.detach() for name, value in weights.items()}
    reference = dict(changed)
    for name in {n.rsplit(".lora_", 1)[0] for n in leaves}:
        a, b = leaves[f"{name}.lora_A.weight"], leaves[f"{name}.lora_B.weight"]
        changed[f"{name}.weight"] = changed[f"{name}.weight"] + (recipe.alpha / recipe.rank) * (b @ a)

    def log_prob(params: dict[str, torch.Tensor], completion: list[int]) -> torch.Tensor:
        ids = torch.tensor([example.prompt_ids + completion])
        logits = torch.func.functional_call(plain, params, (ids,), {"use_cache": False}).logits[0]
        at = torch.arange(len(example.prompt_ids) - 1, ids.shape[1] - 1)
        return F.log_softmax(logits[at], dim=-1)[torch.arange(len(at)), ids[0, at + 1]].sum()

    with torch.no_grad():
        anchor = log_prob(reference, example.chosen_ids) - log_prob(reference, example.rejected_ids)
    margin = recipe.beta * (log_prob(changed, example.chosen_ids) - log_prob(changed, example.rejected_ids) - anchor)
    loss = -F.logsigmoid(margin)
    loss.backward()
    return {name: leaf.grad for name, leaf in leaves.items()}


def test_the_gradient_is_that_of_plain_pytorch(
    base: Base, examples: list[Example], cache: ReferenceCache, folder: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(dropout=0.0)
    parent = as_folder(training.train(base, make_recipe(epochs=3), examples, None, cache), tmp_path / "day1")
    example = examples[0]
    trainer = training.new_trainer(base, recipe, [example], tmp_path / "scratch")
    try:
        training.load_parent(trainer, parent, recipe)  # a point away from the start, where A has a gradient too
        trainer.use_references(training.evaluate(trainer, [example], adapter=False))
        trainer.model.train()
        inputs = trainer.data_collator([trainer.train_dataset[0]])
        trainer._compute_loss(trainer.model, inputs, False).backward()
        got = {
            name.removeprefix("base_model.model.").replace(".default", ""): p.grad.float()
            for name, p in trainer.model.named_parameters()
            if ".lora_" in name
        }
    finally:
        base.release(trainer.model)
    factors = {
        name.removeprefix("base_model.model."): value for name, value in load((parent / training.MODEL_FILE).read_bytes()).items()
    }
    want = plain_gradients(base, recipe, factors, example, folder)
    assert got.keys() == want.keys()
    a = torch.cat([got[name].flatten() for name in sorted(got)])
    b = torch.cat([want[name].flatten() for name in sorted(want)])
    assert b.norm() > 1e-4
    assert F.cosine_similarity(a, b, dim=0).item() >= 0.99
    assert (a.norm() / b.norm()).item() == pytest.approx(1, abs=0.05)


def test_a_shuffle_keeps_every_example() -> None:
    order = training.Order(10, 3)
    assert list(order) == list(range(10)), "the first epoch is in the order of the stream"
    second, third = list(order), list(order)
    assert sorted(second) == list(range(10))
    assert second != third
    other = training.Order(10, 3)
    list(other)
    assert list(other) == second


def test_a_dequantized_base_is_the_quantized_one(base: Base, folder: Path, examples: list[Example], tmp_path: Path) -> None:
    dequantize(folder, tmp_path / "plain")
    plain = Base(tmp_path / "plain", "none", "cpu")
    assert not any("Linear4bit" in type(m).__name__ for m in plain.model.modules())
    ids = torch.tensor([examples[0].prompt_ids])
    with torch.no_grad():
        want, got = (b.model(input_ids=ids).logits.log_softmax(-1) for b in (base, plain))
        other = Base(folder, "none", "cpu").model(input_ids=ids).logits.log_softmax(-1)
    assert float((got - want).abs().mean()) < 0.2 * float((other - want).abs().mean()), "much nearer than the original weights"
