"""Turns preference pairs into token sequences of limited length."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from propersim_worker.failures import BadData
from propersim_worker.pb.propersim.buffer.v1 import preference_buffer_service_pb2 as buffer

Message = dict[str, str]


@dataclass(frozen=True)
class Example:
    """One pair as the model sees it."""

    step: int
    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    messages: tuple[tuple[str, str], ...] = ()
    """The prompt as role and content, shortened as the tokens are."""
    chosen: str = ""
    """The chosen answer."""

    @property
    def tie(self) -> bool:
        """Report whether both answers are the same: nothing can be learned from such a pair."""
        return self.chosen_ids == self.rejected_ids

    @property
    def key(self) -> str:
        """Identify the tokens: the same ones have the same log-probabilities under the same model."""
        text = ";".join(",".join(map(str, ids)) for ids in (self.prompt_ids, self.chosen_ids, self.rejected_ids))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def tokens(self) -> int:
        """Tokens of both sequences."""
        return 2 * len(self.prompt_ids) + len(self.chosen_ids) + len(self.rejected_ids)


def tokenize(pairs: Iterable[buffer.PreferencePair], tokenizer: Any, max_prompt: int, max_tokens: int) -> list[Example]:
    """Tokenize pairs by the model's chat template.

    A prompt of more than max_prompt tokens loses its oldest memories, as the simulation's prompts do. BadData for a
    pair without a prompt or an answer, whose prompt is too long without its memories, or whose answer does not fit
    into max_tokens: nothing is cut in silence.
    """
    return [_tokenize(pair, tokenizer, max_prompt, max_tokens) for pair in pairs]


def hold_out(examples: Sequence[Example], run: str, share: float) -> tuple[list[Example], list[Example]]:
    """Split examples into those to train on and those to test on, by the rule of Lora.held_out.

    A step is held out in every night of a run or in none: the parent was not trained on what its child is tested on.
    Where nothing would be left to train on, nothing is held out.
    """
    limit = int(share * 2**64)

    def held(step: int) -> bool:
        return int.from_bytes(hashlib.sha256(f"{run}/{step}".encode()).digest()[:8], "big") < limit

    kept = [e for e in examples if not held(e.step)]
    return (kept, [e for e in examples if held(e.step)]) if kept else (list(examples), [])


def _tokenize(pair: buffer.PreferencePair, tokenizer: Any, max_prompt: int, max_tokens: int) -> Example:
    where = f"pair of step {pair.step}"
    messages = [{"role": m.role, "content": m.content} for m in pair.prompt.messages]
    if not messages:
        raise BadData(f"{where}: the prompt has no messages")
    for side in ("chosen", "rejected"):
        if not getattr(pair, side).completion:
            raise BadData(f"{where}: {side}.completion is empty")
    messages = _shorten(messages, tokenizer, max_prompt, where)
    prompt = _ids(tokenizer, messages, generation=True)
    answers = [
        _ids(tokenizer, [*messages, {"role": "assistant", "content": text}], generation=False)
        for text in (pair.chosen.completion, pair.rejected.completion)
    ]
    shared = min(_common(prompt, answer) for answer in answers)
    if shared < len(prompt):
        raise BadData(f"{where}: the chat template renders the prompt differently with an answer after it")
    example = Example(
        pair.step,
        prompt,
        answers[0][shared:],
        answers[1][shared:],
        messages=tuple((m["role"], m["content"]) for m in messages),
        chosen=pair.chosen.completion,
    )
    longest = max(len(answer) for answer in answers)
    if longest > max_tokens:
        raise BadData(f"{where}: prompt and answer take {longest} tokens, want at most max_tokens, which is {max_tokens}")
    return example


def _ids(tokenizer: Any, messages: Sequence[Message], *, generation: bool) -> list[int]:
    out = tokenizer.apply_chat_template(list(messages), add_generation_prompt=generation, tokenize=True, return_dict=True)
    return list(out["input_ids"])


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return min(len(a), len(b))


PRESENT = "Now, "
"""How the line of a prompt begins that says what is happening now. Only lines before it are memories."""


def _shorten(messages: list[Message], tokenizer: Any, limit: int, where: str) -> list[Message]:
    """Drop as few of the oldest memories as it takes: the first lines of the last user message before the present."""

    def length(drop: int) -> int:
        return len(_ids(tokenizer, _without(messages, drop), generation=True))

    if length(0) <= limit:
        return messages
    most = len(_memories(messages))
    if length(most) > limit:
        raise BadData(f"{where}: the prompt takes {length(most)} tokens without its memories, want at most {limit}")
    low, high = 0, most  # dropping low lines is too few, high is enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if length(middle) <= limit else (middle, high)
    return _without(messages, high)


def _memories(messages: Sequence[Message]) -> list[int]:
    """Find the lines of the last user message that are memories, the oldest first."""
    lines = _last_user(messages)["content"].split("\n")
    present = next((i for i, line in enumerate(lines) if line.startswith(PRESENT)), 0)
    # A heading ("Today:") and the tag that opens the data stay.
    return [i for i in range(present) if not lines[i].endswith(":") and not lines[i].startswith("<")]


def _without(messages: Sequence[Message], drop: int) -> list[Message]:
    gone = set(_memories(messages)[:drop])
    last = _last_user(messages)
    kept = [line for i, line in enumerate(last["content"].split("\n")) if i not in gone]
    return [{**m, "content": "\n".join(kept)} if m is last else m for m in messages]


def _last_user(messages: Sequence[Message]) -> Message:
    for message in reversed(messages):
        if message["role"] == "user":
            return message
    raise BadData("a prompt has no user message")
