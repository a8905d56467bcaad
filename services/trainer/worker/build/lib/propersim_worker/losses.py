"""Losses of a batch of pairs from sums of log-probabilities, in nats. TRL computes DPO and SFT itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def dpo(
    chosen: torch.Tensor, rejected: torch.Tensor, ref_chosen: torch.Tensor, ref_rejected: torch.Tensor, beta: float
) -> torch.Tensor:
    """Return -log sigmoid of the implicit-reward margin, per pair (Rafailov et al., 2023)."""
    return -F.logsigmoid(beta * ((chosen - ref_chosen) - (rejected - ref_rejected)))


def kto(
    chosen: torch.Tensor, rejected: torch.Tensor, ref_chosen: torch.Tensor, ref_rejected: torch.Tensor, beta: float
) -> torch.Tensor:
    """Return the KTO loss per pair (Ethayarajh et al., 2024), both weights 1.

    The divergence z is estimated by the mean log ratio of the other side over the batch, not below 0, as TRL's kto_pair
    did; no gradient flows through it.
    """
    good, bad = chosen - ref_chosen, rejected - ref_rejected
    z_good, z_bad = good.mean().detach().clamp(min=0), bad.mean().detach().clamp(min=0)
    return (2 - torch.sigmoid(beta * (good - z_bad)) - torch.sigmoid(beta * (z_good - bad))) / 2
