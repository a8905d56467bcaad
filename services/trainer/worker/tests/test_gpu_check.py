"""The script that measures a GPU runs, on a tiny shape and a CPU."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

SCRIPT = Path(__file__).parents[4] / "tools/gpu-check/gpu_check.py"


def test_it_measures_a_shape(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("gpu_check", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out = tmp_path / "out.json"
    assert module.main(["--shape", "tiny", "--tokens", "48", "12", "--pairs", "8", "--out", str(out)]) == 0
    (shape,) = json.loads(out.read_text())["shapes"]
    for label in ("checkpointing", "checkpointing, references cached", "no checkpointing, references cached"):
        assert shape[label]["seconds_per_pair"] > 0
    assert shape["night_minutes"] > 0
    sharing = shape["prefix sharing"]
    assert sharing["speedup"] > 0, sharing
    assert sharing["differs_by_nats"] < 0.5, "one sequence gives what two give, but for bf16"
    assert module.main(["--shape", "tiny", "--seconds", "0", "--out", str(out)]) == 1
    assert "no time" in json.loads(out.read_text())["shapes"][0]["checkpointing"]["error"]
