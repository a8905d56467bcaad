-- +goose Up
-- The questions for the test of a served adapter, until the job is final.
ALTER TABLE trainer_jobs ADD COLUMN probes BYTEA;

-- +goose Down
ALTER TABLE trainer_jobs DROP COLUMN probes;
