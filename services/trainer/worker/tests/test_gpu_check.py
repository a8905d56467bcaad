"""The script that measures a GPU runs, on a tiny shape and a CPU."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

SCRIPT = Path(__file__).parents[4] / "tools/gpu-check/gpu_check.py"


class Clock:
    """Stands for the module time."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_check", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_measures_a_shape(tmp_path: Path) -> None:
    module = load()
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


def test_a_training_is_stopped_when_the_time_is_up() -> None:
    module = load()
    base = module.make_base(module.SHAPES["tiny"], "cpu")
    left = iter(range(100))
    module.time = Clock(lambda: next(left))  # each look at the clock is a second later
    with tempfile.TemporaryDirectory() as folder:
        cache = module.ReferenceCache(Path(folder) / "references.db")
        found = module.measure(base, module.make_examples(40, 24, 8, 512), module.RECIPE, cache, deadline=8)
    assert found["stopped"]
    assert "loss" not in found
    assert found["seconds_per_pair"] > 0
