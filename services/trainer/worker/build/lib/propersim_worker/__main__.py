"""Command line of the worker."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from propersim_worker.settings import WorkerSettings


def parse(arguments: list[str]) -> WorkerSettings:
    """Read flags; each has an environment variable PROPERSIM_WORKER_<NAME>."""
    parser = argparse.ArgumentParser(prog="propersim-worker", description="Trains the LoRA adapters of ProPerSim's nights.")

    def add(name: str, text: str, default: str | None = None) -> None:
        variable = "PROPERSIM_WORKER_" + name.upper().replace("-", "_")
        value = os.environ.get(variable, default)
        parser.add_argument(f"--{name}", default=value, required=value is None, help=f"{text} (${variable})")

    add("trainer", "host:port of the trainer")
    add("base", "folder of the base model")
    add("model", "name of the base model, as runs name it")
    add("name", "name of this worker, unique among them", socket.gethostname())
    add("quantization", "nf4 or none", "nf4")
    add("device", "cuda, cpu or auto", "auto")
    add("max-rank", "greatest rank of an adapter", "64")
    add("cache", "folder for parents and reference log-probabilities", str(Path.home() / ".cache/propersim/worker"))
    add("lease", "seconds of a lease, which is renewed three times within it", "120")
    add("wait", "seconds of one wait for a job", "30")
    add("token-file", "file with the trainer's token; empty for none", "")
    add("ca-file", "file with the certificate authority of the trainer, PEM; empty for no TLS", "")
    a = parser.parse_args(arguments)
    if a.quantization not in ("nf4", "none"):
        parser.error(f"--quantization: found {a.quantization!r}, want nf4 or none")
    if not Path(a.base).is_dir():
        parser.error(f"--base: {a.base} is no folder")
    token = Path(a.token_file).read_text().strip() if a.token_file else ""
    return WorkerSettings(
        trainer=a.trainer,
        base=Path(a.base),
        model=a.model,
        name=a.name,
        quantization=a.quantization,
        device=a.device,
        max_rank=int(a.max_rank),
        cache=Path(a.cache),
        lease=float(a.lease),
        wait=float(a.wait),
        token=token,
        ca=Path(a.ca_file).read_bytes() if a.ca_file else None,
    )


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    settings = parse(sys.argv[1:])
    from propersim_worker.base import Base
    from propersim_worker.worker import Worker

    worker = Worker(settings, Base(settings.base, settings.quantization, settings.device))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    logging.info("worker %s is ready: model %s on %s", settings.name, settings.model, worker.base.device_name())
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
