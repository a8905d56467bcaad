-- +goose Up
-- A step may have several pairs. place is step * 256 + index of the pair.
CREATE TABLE buffer_places (
    run_id TEXT   NOT NULL,
    place  BIGINT NOT NULL,
    day    BIGINT NOT NULL,
    body   BYTEA  NOT NULL,
    PRIMARY KEY (run_id, place)
);
INSERT INTO buffer_places (run_id, place, day, body) SELECT run_id, step * 256, day, body FROM buffer_pairs;
DROP TABLE buffer_pairs;
ALTER TABLE buffer_places RENAME TO buffer_pairs;

-- A draw reads the places of the days so far from the index alone.
CREATE INDEX buffer_pairs_by_day ON buffer_pairs (run_id, day, place);

-- +goose Down
CREATE TABLE buffer_steps (
    run_id TEXT   NOT NULL,
    step   BIGINT NOT NULL,
    day    BIGINT NOT NULL,
    body   BYTEA  NOT NULL,
    PRIMARY KEY (run_id, step)
);
INSERT INTO buffer_steps (run_id, step, day, body) SELECT run_id, place / 256, day, body FROM buffer_pairs WHERE place % 256 = 0;
DROP TABLE buffer_pairs;
ALTER TABLE buffer_steps RENAME TO buffer_pairs;
CREATE INDEX buffer_pairs_by_day ON buffer_pairs (run_id, day, step);
