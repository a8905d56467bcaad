-- +goose Up
CREATE TABLE buffer_pairs (
    run_id TEXT   NOT NULL,
    step   BIGINT NOT NULL,
    day    BIGINT NOT NULL,
    body   BYTEA  NOT NULL,
    PRIMARY KEY (run_id, step)
);

-- A draw reads the steps of the days so far from the index alone.
CREATE INDEX buffer_pairs_by_day ON buffer_pairs (run_id, day, step);

-- +goose Down
DROP TABLE buffer_pairs;
