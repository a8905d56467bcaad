-- +goose Up
-- The manifest of what a job has trained, from TRAINED on.
ALTER TABLE trainer_jobs ADD COLUMN manifest BYTEA;

CREATE TABLE trainer_workers (
    name         TEXT   NOT NULL PRIMARY KEY,
    last_seen    BIGINT NOT NULL,
    capabilities BYTEA  NOT NULL
);

-- +goose Down
DROP TABLE trainer_workers;
ALTER TABLE trainer_jobs DROP COLUMN manifest;
