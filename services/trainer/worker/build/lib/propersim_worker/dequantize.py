"""Write a base as the worker trains on it: quantized to NF4, and back to bf16.

For servers that cannot quantize, such as vLLM on a CPU. Adapters are trained on the rounded weights: served on the
original ones, their effect is another one. On a small model the gate refuses them for that.
"""

from __future__ import annotations

import sys
from pathlib import Path

from propersim_worker.base import Base


def dequantize(source: Path, target: Path) -> None:
    """Write the model of a folder into another one, with its tokenizer."""
    base = Base(source, "nf4", "cpu")
    model = base.model.dequantize()
    model.save_pretrained(target)
    base.tokenizer.save_pretrained(target)


def main() -> int:
    """Read two folders from the command line."""
    if len(sys.argv) != 3:
        print("usage: python -m propersim_worker.dequantize BASE TARGET", file=sys.stderr)
        return 2
    dequantize(Path(sys.argv[1]), Path(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
