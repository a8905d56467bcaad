#!/usr/bin/env python3
"""Measure the QLoRA worker's real training step on a GPU: memory, seconds a pair, and what a night would take.

usage: gpu_check.py [--shape 8b] [--shape 70b] [--seconds 420] [--out FILE.json]

Needs the packages of services/trainer/worker/requirements.lock, one GPU (80 GB for the 70b shape) and no network: the
models have random weights, made layer by layer and quantized at once, so that no more than one layer is ever in bf16. Speed
and memory do not depend on the values of weights. Start it from anywhere; it finds the worker's package by its own place.

It ends within 8 minutes (--seconds): a training is stopped after the update that it is in, and says so, and every result
is printed, and written to --out, as soon as it is there.

For each shape it measures, as long as time is left: the reference pass, training with gradient checkpointing, training
without it, training again with the references cached, and what sharing the prompt of a pair between its two answers
would save (the worker does not do that: it is measured before it is built). A pair has a prompt of 2,048 tokens and answers of up to 64, as the
longest of a run have; --tokens changes that.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "services/trainer/worker"))

import bitsandbytes as bnb
import torch
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from propersim_worker import training
from propersim_worker.base import Base, never_pack
from propersim_worker.failures import Stopped, classify
from propersim_worker.pairs import Example
from propersim_worker.refcache import ReferenceCache
from propersim_worker.settings import Recipe

SHAPES: dict[str, dict[str, int]] = {
    "70b": {"hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 128256},
    "8b": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256},
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512},
}
"""Llama 3.3 70B, Llama 3.1 8B, and a shape that tests this script on a CPU."""


def quantized(rows: int, columns: int, device: str) -> bnb.nn.Linear4bit:
    """Make a 4-bit layer of random weights, as the worker loads them: NF4, double quantization, bf16 arithmetic."""
    layer = bnb.nn.Linear4bit(columns, rows, bias=False, compute_dtype=torch.bfloat16, compress_statistics=True, quant_type="nf4", device="meta")
    weight = torch.empty(rows, columns, dtype=torch.bfloat16, device=device).normal_(0, 0.02)
    layer.weight = bnb.nn.Params4bit(weight, requires_grad=False, compress_statistics=True, quant_type="nf4", module=layer).to(device)
    return layer


def build(shape: dict[str, int], device: str) -> LlamaForCausalLM:
    """Make a model of a shape in NF4, layer by layer. Embedding and head stay in bf16, as bitsandbytes leaves them."""
    config = LlamaConfig(**shape, max_position_embeddings=8192, rope_theta=500000.0, tie_word_embeddings=False, bos_token_id=None, eos_token_id=1, pad_token_id=0)
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    for layer in model.model.layers:
        for parent in (layer.self_attn, layer.mlp):
            for name, child in list(parent.named_children()):
                if isinstance(child, torch.nn.Linear):
                    setattr(parent, name, quantized(child.out_features, child.in_features, device))
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                value = torch.empty(parameter.shape, dtype=torch.bfloat16, device=device)
                value.fill_(1) if parameter.dim() == 1 else value.normal_(0, 0.02)
                setattr(module, name, torch.nn.Parameter(value, requires_grad=False))
    model.model.rotary_emb = type(model.model.rotary_emb)(config=config).to(device)
    model.is_loaded_in_4bit = True
    model.requires_grad_(False)
    return model.eval()


def make_base(shape: dict[str, int], device: str) -> Base:
    """Make a base as the worker has it, without a folder."""
    if device == "cpu":
        never_pack()
    base = Base.__new__(Base)
    base.device, base.quantization, base.fingerprint = device, "nf4", "random"
    base.model = build(shape, device)
    base.tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<pad>")), pad_token="<pad>", eos_token="<eos>"
    )
    return base


def make_examples(count: int, prompt: int, answer: int, vocabulary: int) -> list[Example]:
    """Make pairs of random tokens of the longest length."""
    g = torch.Generator().manual_seed(1)

    def some(n: int) -> list[int]:
        return torch.randint(2, vocabulary, (n,), generator=g).tolist()

    return [Example(i, some(prompt), some(answer), some(max(4, answer // 4))) for i in range(count)]


RECIPE = Recipe(
    beta=0.1, epochs=1, learning_rate=5e-5, batch_size=4, weight_decay=0.0, objective="dpo", reference="base", rank=16, alpha=32.0, dropout=0.05,
    target_modules=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"), quantization="nf4",
    max_prompt_tokens=2048, max_tokens=2304, gradient_checkpointing=True, held_out=0.0, seed=1,
)  # fmt: skip


class Timer:
    """Time and peak memory of a stretch of work."""

    def __init__(self, device: str) -> None:
        self.cuda = device == "cuda"

    def __enter__(self) -> Timer:
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self.began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        if self.cuda:
            torch.cuda.synchronize()
        self.seconds = time.monotonic() - self.began
        self.peak = torch.cuda.max_memory_allocated() if self.cuda else 0


def free(device: str) -> None:
    """Give back the memory of what failed."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def measure(base: Base, examples: list[Example], recipe: Recipe, cache: ReferenceCache, deadline: float) -> dict[str, Any]:
    """Run the worker's own training and say what it took; an error is a result too."""
    marks: list[float] = []
    out: dict[str, Any] = {}
    try:
        with Timer(base.device) as timer:
            out["loss"] = training.train(
                base, recipe, examples, None, cache,
                report=lambda _: marks.append(time.monotonic()), stop=lambda: time.monotonic() > deadline,
            ).loss  # fmt: skip
    except Stopped:
        out["stopped"] = "the time was up"
    except Exception as error:
        out["error"] = str(classify(error))
    if "error" in out:  # outside of the handler, which holds the frames of what failed
        free(base.device)
        return out
    # Without the first update, which warms up; the last mark is before the closing evaluation.
    updates = len(marks) - 1
    pairs = updates * recipe.batch_size
    return out | {
        "seconds": round(timer.seconds, 2),
        "seconds_per_pair": round((marks[-1] - marks[0]) / pairs, 4) if pairs > 0 else None,
        "peak_gib": round(timer.peak / 2**30, 2),
    }


def shared_inputs(e: Example, device: str) -> dict[str, torch.Tensor]:
    """Put a pair into one sequence, prompt, chosen, rejected, in which neither answer sees the other."""
    p, c, r = len(e.prompt_ids), len(e.chosen_ids), len(e.rejected_ids)
    seen = torch.ones(p + c + r, p + c + r, dtype=torch.bool, device=device).tril()
    seen[p + c :, p : p + c] = False
    mask = torch.zeros(seen.shape, dtype=torch.bfloat16, device=device).masked_fill(~seen, torch.finfo(torch.bfloat16).min)
    positions = [*range(p + c), *range(p, p + r)]
    return {
        "input_ids": torch.tensor([e.prompt_ids + e.chosen_ids + e.rejected_ids], device=device),
        "position_ids": torch.tensor([positions], device=device),
        "attention_mask": mask[None, None],
    }


def answer_logps(model: Any, e: Example, device: str, *, shared: bool) -> torch.Tensor:
    """Return the log-probabilities of both answers of a pair, from one sequence or from two."""
    inner, head = model.base_model.model.model, model.base_model.model.lm_head
    p, c = len(e.prompt_ids), len(e.chosen_ids)
    if shared:
        hidden = inner(**shared_inputs(e, device), use_cache=False).last_hidden_state[0]
        # The first token of each answer follows the last one of the prompt.
        rows = [hidden[p - 1 : p + c - 1], torch.cat([hidden[p - 1 : p], hidden[p + c : -1]])]
    else:
        rows = []
        for answer in (e.chosen_ids, e.rejected_ids):
            ids = torch.tensor([e.prompt_ids + answer], device=device)
            rows.append(inner(input_ids=ids, use_cache=False).last_hidden_state[0, p - 1 : -1])
    out = []
    for states, answer in zip(rows, (e.chosen_ids, e.rejected_ids), strict=True):
        logps = head(states).float().log_softmax(-1)
        out.append(logps.gather(1, torch.tensor(answer, device=device)[:, None]).sum())
    return torch.stack(out)


def measure_sharing(base: Base, examples: list[Example], recipe: Recipe) -> dict[str, Any]:
    """Time a forward and a backward pass of pairs, each answer with its own prompt and both with one."""
    out: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory() as scratch:
            trainer = training.new_trainer(base, recipe, examples, Path(scratch))
        try:
            model = trainer.model
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            model.train()
            for module in model.modules():  # so that both ways can be compared
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
            found = {}
            for shared in (False, True):
                for i, e in enumerate(examples[:3]):
                    if i == 1:  # the first one warms up
                        timer = Timer(base.device).__enter__()
                    logps = answer_logps(model, e, base.device, shared=shared)
                    (logps[1] - logps[0]).backward()
                    found[shared] = logps.detach()
                timer.__exit__()
                model.zero_grad()
                out["shared" if shared else "apart"] = {"seconds_per_pair": round(timer.seconds / 2, 4), "peak_gib": round(timer.peak / 2**30, 2)}
            out["differs_by_nats"] = round(float((found[True] - found[False]).abs().max()), 4)
            out["speedup"] = round(out["apart"]["seconds_per_pair"] / max(out["shared"]["seconds_per_pair"], 1e-9), 2)
        finally:
            base.release(trainer.model)
    except Exception as error:
        out = {"error": str(classify(error))}
    if "error" in out:
        free(base.device)
    return out


SHARING_PASSES = 12
"""Pairs that measure_sharing costs, with room: 3 apart, 3 shared, and the trainer that is made for them."""


def check(out: dict[str, Any], device: str, deadline: float, keep: Callable[[], None]) -> None:
    """Measure one shape, as long as there is time; keep is called after every result."""
    name, count, prompt, answer = out["shape"], out["pairs"], out["prompt_tokens"], out["answer_tokens"]
    with Timer(device) as timer:
        base = make_base(SHAPES[name], device)
    out["build"] = {"seconds": round(timer.seconds, 1), "gib": round(base.memory() / 2**30, 2), "peak_gib": round(timer.peak / 2**30, 2)}
    print(json.dumps({name: out["build"]}), flush=True)
    keep()
    examples = make_examples(count, prompt, answer, SHAPES[name]["vocab_size"])
    recipe = replace(RECIPE, max_tokens=max(RECIPE.max_tokens, prompt + answer))
    with tempfile.TemporaryDirectory() as folder:
        cache = ReferenceCache(Path(folder) / "references.db")
        for label, settings in (
            ("checkpointing", recipe),
            ("checkpointing, references cached", recipe),
            ("no checkpointing, references cached", replace(recipe, gradient_checkpointing=False)),
        ):
            if time.monotonic() > deadline:
                out[label] = {"error": "no time was left"}
                continue
            out[label] = measure(base, examples, settings, cache, deadline)
            print(json.dumps({f"{name}, {label}": out[label]}), flush=True)
            keep()
    slowest = max((m.get("seconds_per_pair") or 0.0 for m in out.values() if isinstance(m, dict)), default=0.0)
    if time.monotonic() + SHARING_PASSES * slowest <= deadline:
        out["prefix sharing"] = measure_sharing(base, examples, recipe)
        print(json.dumps({f"{name}, prefix sharing": out["prefix sharing"]}), flush=True)
    first, cached = out["checkpointing"], out["checkpointing, references cached"]
    if "loss" in first and "loss" in cached:
        out["reference_seconds_per_pair"] = round(max(0.0, first["seconds"] - cached["seconds"]) / count, 4)
    best = min((m["seconds_per_pair"] for m in out.values() if isinstance(m, dict) and m.get("seconds_per_pair")), default=None)
    if best is not None:
        # 200 pairs, 2 epochs, and the closing evaluation, which costs about as much as the reference pass.
        out["night_minutes"] = round((400 * best + 200 * out.get("reference_seconds_per_pair", 0.0)) / 60, 1)
    keep()
    del base
    free(device)


def main(arguments: list[str]) -> int:
    """Measure the shapes that were asked for; 8b and 70b by default."""
    parser = argparse.ArgumentParser(description="Measure the QLoRA worker's training step.")
    parser.add_argument("--shape", action="append", choices=sorted(SHAPES))
    parser.add_argument("--seconds", type=float, default=420, help="no update begins after so long; the last one may take another 50 s")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--tokens", type=int, nargs=2, default=[2048, 64], metavar=("PROMPT", "ANSWER"))
    parser.add_argument("--out", type=Path)
    a = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    deadline = time.monotonic() + a.seconds
    found: dict[str, Any] = {"device": torch.cuda.get_device_name() if device == "cuda" else "cpu", "torch": torch.__version__, "shapes": []}

    def keep() -> None:
        if a.out:
            a.out.write_text(json.dumps(found, indent=2) + "\n")

    for name in a.shape or ["8b", "70b"]:
        found["shapes"].append({"shape": name, "pairs": a.pairs, "prompt_tokens": a.tokens[0], "answer_tokens": a.tokens[1]})
        check(found["shapes"][-1], device, deadline, keep)
    print(json.dumps(found, indent=2))
    return 0 if all("error" not in shape["checkpointing"] for shape in found["shapes"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
