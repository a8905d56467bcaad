"""Tokenizing pairs and shortening prompts."""

from __future__ import annotations

import pytest
from conftest import make_pair, make_tokenizer

from propersim_worker.failures import BadData
from propersim_worker.pairs import Example, hold_out, tokenize


def test_prompt_and_answers_come_back() -> None:
    tokenizer = make_tokenizer()
    (example,) = tokenize([make_pair(0)], tokenizer, 400, 500)
    assert tokenizer.decode(example.prompt_ids).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(example.chosen_ids).startswith('{"action":"recommend"')
    assert tokenizer.decode(example.rejected_ids) == '{"action":"abstain"}<|im_end|>\n'


def test_the_oldest_memories_are_dropped_first() -> None:
    tokenizer = make_tokenizer()
    pair = make_pair(0, memories=12)
    (whole,) = tokenize([pair], tokenizer, 1000, 1200)
    limit = len(whole.prompt_ids) - 30  # two lines of 14 and a third in part
    (short,) = tokenize([pair], tokenizer, limit, 1200)
    text = tokenizer.decode(short.prompt_ids)
    assert len(short.prompt_ids) <= limit
    assert "10:00 reading" not in text
    assert "11:00 reading" in text, "no more than it takes"
    for kept in ("Speak or be silent.", "Today:", "<memory>", "Now, day 1 12:00: reading", "</memory>", "Well?"):
        assert kept in text
    assert short.chosen_ids == whole.chosen_ids


@pytest.mark.parametrize(
    ("change", "limit", "total", "says"),
    [
        (lambda p: None, 50, 500, "without its memories"),
        (lambda p: None, 400, 150, "max_tokens"),
        (lambda p: p.ClearField("prompt"), 400, 500, "no messages"),
        (lambda p: p.prompt.messages.pop(), 3, 500, "no user message"),
        (lambda p: setattr(p.chosen, "completion", ""), 400, 500, "chosen.completion is empty"),
    ],
)
def test_what_does_not_fit_is_refused(change: object, limit: int, total: int, says: str) -> None:
    pair = make_pair(3)
    change(pair)
    with pytest.raises(BadData, match=says):
        tokenize([pair], make_tokenizer(), limit, total)


def test_a_pair_is_held_out_in_every_night_or_in_none() -> None:
    examples = [Example(step, [1], [2], [3]) for step in range(2000)]
    kept, held = hold_out(examples, "ada", 0.1)
    assert 150 < len(held) < 250
    assert sorted([*kept, *held], key=lambda e: e.step) == examples
    assert hold_out(examples[:1000], "ada", 0.1)[1] == [e for e in held if e.step < 1000], "another night"
    assert hold_out(examples, "ben", 0.1)[1] != held, "another run"
    assert {e.step for e in held} < {e.step for e in hold_out(examples, "ada", 0.2)[1]}
    assert hold_out(examples, "ada", 0.0) == (examples, [])
    assert hold_out(held[:1], "ada", 0.1) == (held[:1], []), "one pair is trained on"


def test_the_key_is_of_the_tokens() -> None:
    one, same, other = tokenize([make_pair(2), make_pair(2), make_pair(4)], make_tokenizer(), 400, 500)
    assert one.key == same.key != other.key
