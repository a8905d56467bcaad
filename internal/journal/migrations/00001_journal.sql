-- +goose Up

-- The format of this journal. A program that knows another one refuses it.
CREATE TABLE journal_format (format BIGINT NOT NULL);
INSERT INTO journal_format (format) VALUES (3);

-- One row per run, never changed. config, persona and world are the exact bytes
-- that the first hash of the chain covers. handle is the name under which the
-- user, the assistant and its index know the run.
CREATE TABLE runs (
  number BIGINT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  handle TEXT NOT NULL UNIQUE,
  config BYTEA NOT NULL,
  persona BYTEA NOT NULL,
  world BYTEA NOT NULL,
  version TEXT NOT NULL,
  created_unix_ns BIGINT NOT NULL,
  forked_from TEXT NOT NULL,
  forked_at_step BIGINT NOT NULL
);

-- Labels of the runs.
CREATE TABLE labels (
  run BIGINT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, name)
);
CREATE INDEX labels_by_value ON labels (name, value, run);

-- The length of each run, which can be extended, its state, and the lease of its
-- conductor. progress is a checkpoint
-- of what the entries say. token is the fencing token: it grows whenever the
-- lease changes hands, and a commit under an older token is refused. wish is the
-- state that somebody else asks of the conductor.
CREATE TABLE standings (
  run BIGINT PRIMARY KEY,
  days BIGINT NOT NULL,
  state BIGINT NOT NULL,
  reason TEXT NOT NULL,
  progress BYTEA NOT NULL,
  holder TEXT NOT NULL,
  token BIGINT NOT NULL,
  ttl_ms BIGINT NOT NULL,
  until_unix_ms BIGINT NOT NULL,
  wish BIGINT NOT NULL
);

-- The chain. body is the exact bytes that hash covers.
CREATE TABLE entries (
  run BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  night BIGINT NOT NULL,
  step BIGINT NOT NULL,
  day BIGINT NOT NULL,
  body BYTEA NOT NULL,
  hash BYTEA NOT NULL,
  PRIMARY KEY (run, sequence)
);

-- What the model calls of an entry took, in the order in which they were
-- committed. Beside the chain, because wall-clock times never repeat.
CREATE TABLE calls (
  run BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  position BIGINT NOT NULL,
  call_id TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  waited_ns BIGINT NOT NULL,
  latency_ns BIGINT NOT NULL,
  PRIMARY KEY (run, sequence, position)
);

-- Prompts by the SHA-256 of their text, each kept once; text is compressed
-- (zstd).
CREATE TABLE prompts (
  digest TEXT PRIMARY KEY,
  text BYTEA NOT NULL
);

-- Requests that made a run, so that a repeat makes none. digest covers the kind
-- of the request and its content.
CREATE TABLE requests (
  id TEXT PRIMARY KEY,
  digest BYTEA NOT NULL,
  run BIGINT NOT NULL
);

-- +goose Down
DROP TABLE requests;
DROP TABLE prompts;
DROP TABLE calls;
DROP TABLE entries;
DROP TABLE standings;
DROP TABLE labels;
DROP TABLE runs;
DROP TABLE journal_format;
