"""Reference log-probabilities, computed once for each pair and base, and kept between nights."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path


class ReferenceCache:
    """A file of sums of log-probabilities (chosen, rejected), in nats, by base and pair."""

    def __init__(self, path: Path) -> None:
        """Open the file, or create it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)  # one thread at a time uses it
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS logps (base TEXT, pair TEXT, chosen REAL, rejected REAL, PRIMARY KEY (base, pair))"
        )

    def get(self, base: str, pairs: Iterable[str]) -> dict[str, tuple[float, float]]:
        """Return what is known of these pairs."""
        found = {}
        for pair in pairs:
            row = self._db.execute("SELECT chosen, rejected FROM logps WHERE base = ? AND pair = ?", (base, pair)).fetchone()
            if row is not None:
                found[pair] = (float(row[0]), float(row[1]))
        return found

    def put(self, base: str, values: dict[str, tuple[float, float]]) -> None:
        """Store values."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO logps VALUES (?, ?, ?, ?)",
                [(base, pair, chosen, rejected) for pair, (chosen, rejected) in values.items()],
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()
