"""A tiny base model and pairs for tests: nothing is downloaded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from propersim_worker.base import Base
from propersim_worker.pb.propersim.buffer.v1 import preference_buffer_service_pb2 as buffer
from propersim_worker.pb.propersim.simulation.v1 import prompt_pb2
from propersim_worker.pb.propersim.trainer.v1 import trainer_service_pb2 as trainer
from propersim_worker.settings import Recipe

torch.set_num_threads(1)
os.environ["TQDM_DISABLE"] = "1"

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Build a tokenizer with a token for each byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    fast.chat_template = TEMPLATE
    return fast


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a Llama of two layers with random weights."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("base")
    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
        initializer_range=0.1,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def base(folder: Path) -> Base:
    """Load it in 4 bit."""
    return Base(folder, "nf4", "cpu")


def make_pair(step: int, memories: int = 3) -> buffer.PreferencePair:
    """Make a pair of somebody who always wants tea."""
    lines = "\n".join(f"{8 + i:02d}:00 reading" for i in range(memories))
    kind = "reading" if step % 2 == 0 else "working"
    pair = buffer.PreferencePair(
        run_id="r",
        step=step,
        day=1,
        prompt=prompt_pb2.Prompt(
            messages=[
                prompt_pb2.Message(role="system", content="Speak or be silent."),
                prompt_pb2.Message(
                    role="user",
                    content=f"<memory>\nToday:\n{lines}\nNow, day 1 12:{step % 60:02d}: {kind}\n</memory>\nWell?",
                ),
            ]
        ),
    )
    speak, silent = '{"action":"recommend","text":"Tea?"}', '{"action":"abstain"}'
    pair.chosen.completion, pair.rejected.completion = speak, silent
    return pair


@pytest.fixture
def pairs() -> list[buffer.PreferencePair]:
    """Make a small night."""
    return [make_pair(step) for step in range(12)]


def make_job(**changes: object) -> trainer.Job:
    """Make a job with the recipe's settings on a tiny scale."""
    job = trainer.Job(id="job-1", run_id="r", day=1, seed=7)
    hp = job.hyperparameters
    hp.beta, hp.epochs, hp.learning_rate, hp.batch_size, hp.pairs = 0.1, 2, 1e-2, 4, 12
    hp.reference = trainer.REFERENCE_BASE
    lora = hp.lora
    lora.rank, lora.alpha, lora.dropout, lora.quantization = 4, 8, 0.05, "nf4"
    lora.max_prompt_tokens, lora.max_tokens = 400, 500
    lora.target_modules.extend(["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
    for name, value in changes.items():
        setattr(lora if name in trainer.Lora.DESCRIPTOR.fields_by_name else hp, name, value)
    return job


def make_recipe(**changes: object) -> Recipe:
    """Make the recipe of such a job."""
    return Recipe.of(make_job(**changes))
