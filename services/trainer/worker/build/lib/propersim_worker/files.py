"""The two files of an adapter on disk. They are larger than a worker should keep in memory: 414 MB for a 70B model."""

from __future__ import annotations

import hashlib
import shutil
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODEL_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"

CHUNK = 1 << 20
"""Bytes of a chunk on the wire, and of what is read at once."""


def chunks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file in chunks."""
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            yield data


@dataclass(frozen=True)
class AdapterFile:
    """A file that is ready for upload: its size in bytes and its SHA-256 in hexadecimal."""

    path: Path
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> AdapterFile:
        """Read a file once for its digest."""
        digest = hashlib.sha256()
        for data in chunks(path):
            digest.update(data)
        return cls(path, path.stat().st_size, digest.hexdigest())


class AdapterFolder:
    """An adapter's files in a folder that is removed with this object."""

    def __init__(self, folder: Path) -> None:
        """Take over a folder with both files, and compute their digests."""
        self.path = folder
        self.remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        """Removes the folder at once; repeatable."""
        self.files = tuple(AdapterFile.of(folder / name) for name in (CONFIG_FILE, MODEL_FILE))
