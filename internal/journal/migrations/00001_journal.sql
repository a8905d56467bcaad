-- +goose Up

-- One row per run. config, persona and world are the very bytes that the first
-- hash of the chain covers. progress is a checkpoint of what the entries say.
CREATE TABLE runs (
  number BIGINT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  config BYTEA NOT NULL,
  persona BYTEA NOT NULL,
  world BYTEA NOT NULL,
  version TEXT NOT NULL,
  created_unix_ms BIGINT NOT NULL,
  forked_from TEXT NOT NULL,
  forked_at_step BIGINT NOT NULL,
  state BIGINT NOT NULL,
  reason TEXT NOT NULL,
  progress BYTEA NOT NULL
);

-- The chain. body is the very bytes that hash covers.
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

-- Wall time of the external calls of an entry, by their order in it. Beside the
-- chain, because it never repeats.
CREATE TABLE calls (
  run BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  position BIGINT NOT NULL,
  latency_ms DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (run, sequence, position)
);

-- Requests that made a run, so that a repeat makes none.
CREATE TABLE requests (
  id TEXT PRIMARY KEY,
  digest BYTEA NOT NULL,
  run BIGINT NOT NULL
);

-- +goose Down
DROP TABLE requests;
DROP TABLE calls;
DROP TABLE entries;
DROP TABLE runs;
