-- +goose Up
CREATE TABLE trainer_jobs (
    id          TEXT   NOT NULL PRIMARY KEY,
    seq         BIGINT NOT NULL,
    run_id      TEXT   NOT NULL,
    day         BIGINT NOT NULL,
    executor    BIGINT NOT NULL,
    state       BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    token       BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    worker      TEXT   NOT NULL,
    body        BYTEA  NOT NULL
);
CREATE INDEX trainer_jobs_by_seq ON trainer_jobs (seq);
CREATE INDEX trainer_jobs_by_state ON trainer_jobs (executor, state, seq);
CREATE INDEX trainer_jobs_by_run ON trainer_jobs (run_id, day, id);

CREATE TABLE trainer_adapters (
    id     TEXT   NOT NULL PRIMARY KEY,
    day    BIGINT NOT NULL
);

-- +goose Down
DROP TABLE trainer_adapters;
DROP TABLE trainer_jobs;
