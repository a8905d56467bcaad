"""The losses of the worker, of TRL and of the embedded policy (pkg/policy, in Go) are the same."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import make_recipe

from propersim_worker import losses, training
from propersim_worker.base import Base
from propersim_worker.pairs import Example

GOLDEN = Path(__file__).parents[4] / "pkg/policy/testdata/dpo_loss.json"
"""Log-probabilities of pairs with their losses; the embedded policy's tests read the same file."""


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text()), ids=lambda c: c["name"])
def test_the_loss_is_that_of_the_embedded_policy(case: dict, base: Base, tmp_path: Path) -> None:
    logps = [
        torch.tensor([case[k]], dtype=torch.float64) for k in ("chosen", "rejected", "reference_chosen", "reference_rejected")
    ]
    assert losses.dpo(*logps, case["beta"]).item() == pytest.approx(case["loss"], abs=1e-6)

    # TRL's own, which trains: a stand-in for the model returns the log-probabilities as those of one token each.
    example = Example(0, [1, 2], [3], [4])
    trainer = training.new_trainer(base, make_recipe(beta=case["beta"]), [example], tmp_path)
    try:
        trainer.precompute_ref_logps = True
        inputs = dict(trainer.data_collator([{"prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [4]}]))
        inputs["ref_chosen_logps"], inputs["ref_rejected_logps"] = logps[2], logps[3]
        zeros = torch.zeros(2, 2, dtype=torch.float64)
        out = SimpleNamespace(log_probs=zeros.clone(), entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())
        out.log_probs[:, 1] = torch.cat(logps[:2])
        loss = trainer._compute_loss(lambda **_: out, inputs, False)
    finally:
        base.release(trainer.model)
    assert loss.item() == pytest.approx(case["loss"], abs=1e-6)


def test_kto_is_that_of_the_formula() -> None:
    def column(*values: float) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64)

    # Both at the reference: 1/2. A mean log ratio of 2 on the other side is the divergence; below 0 it is 0.
    assert losses.kto(column(-3), column(-4), column(-3), column(-4), 0.1).item() == pytest.approx(0.5)
    got = losses.kto(column(10, 0), column(-3, 1), column(0, 0), column(-5, -1), 0.1)
    z_good, z_bad = 5.0, 2.0
    want = [
        1 - (torch.sigmoid(column(0.1 * (g - z_bad))) + torch.sigmoid(column(0.1 * (z_good - b)))).item() / 2
        for g, b in ((10.0, 2.0), (0.0, 2.0))
    ]
    assert got.tolist() == pytest.approx(want)
