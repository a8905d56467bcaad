"""Collections in a folder, each one shard of Qdrant's engine.

A collection is a folder with the shard and, written last, collection.json; a
folder without it was not finished before a crash and is removed at start.
"""

import fcntl
import json
import pathlib
import shutil
import threading

import qdrant_edge as engine


class Missing(Exception):
    """There is no collection of that name."""


class Exists(Exception):
    """There is a collection of that name already."""


class Collection:
    """One shard with the parameters it was made with. Safe for threads."""

    def __init__(self, shard, size, distance):
        self.shard, self.size, self.distance = shard, size, distance
        self.writing = threading.Lock()
        self.version = 0
        self.written = threading.Event()

    def update(self, operation):
        """Applies an operation, which is in the engine's log when this returns."""
        with self.writing:
            self.shard.update(operation)
            self.version += 1
            self.written.set()
            return self.version

    def look_after(self):
        """What a server does of its own accord: optimise segments, flush."""
        if self.written.is_set():
            self.written.clear()
            self.shard.optimize()
            self.shard.flush()


class Shards:
    """The collections of one folder, which no other process uses meanwhile."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock_file = open(self.folder / "lock", "w")
        fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.lock = threading.Lock()
        self.collections = {}  # guarded by lock
        for path in sorted(p for p in self.folder.iterdir() if p.is_dir()):
            if not (path / "collection.json").exists():
                shutil.rmtree(path)
                continue
            made = json.loads((path / "collection.json").read_text())
            self.collections[made["name"]] = Collection(engine.EdgeShard.load(str(path / "shard")), made["size"], made["distance"])

    def get(self, name):
        with self.lock:
            if name not in self.collections:
                raise Missing(f"Not found: Collection `{name}` doesn't exist!")
            return self.collections[name]

    def names(self):
        with self.lock:
            return sorted(self.collections)

    def create(self, name, size, distance):
        """Makes a collection of vectors of size components; distance is the
        name of the metric. Raises Exists."""
        if not name or len(name) > 255 or any(c in '<>:"/\\|?*\0\x1f' for c in name):
            raise ValueError(f"Wrong input: collection name {name!r}")
        with self.lock:
            if name in self.collections:
                raise Exists(f"Wrong input: Collection `{name}` already exists!")
            path = self.folder / name
            path.mkdir()
            config = engine.EdgeConfig(vectors=engine.EdgeVectorParams(size=size, distance=getattr(engine.Distance, distance)))
            shard = engine.EdgeShard.create(str(path / "shard"), config)
            half = path / "half.json"
            half.write_text(json.dumps({"name": name, "size": size, "distance": distance}))
            half.rename(path / "collection.json")
            self.collections[name] = Collection(shard, size, distance)

    def delete(self, name):
        """Removes a collection; False if there was none."""
        with self.lock:
            gone = self.collections.pop(name, None)
            if gone is None:
                return False
            (self.folder / name / "collection.json").unlink()
            with gone.writing:
                gone.shard.close()
            shutil.rmtree(self.folder / name)
            return True

    def look_after(self):
        for name in self.names():
            try:
                self.get(name).look_after()
            except Missing:
                pass  # removed a moment ago
