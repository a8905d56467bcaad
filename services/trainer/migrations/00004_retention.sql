-- +goose Up
-- When an adapter was marked for removal, Unix milliseconds; 0 while it is kept.
ALTER TABLE trainer_adapters ADD COLUMN collected BIGINT NOT NULL DEFAULT 0;

-- Adapters that runs need which did not make them.
CREATE TABLE trainer_keeps (
    run_id  TEXT NOT NULL PRIMARY KEY,
    adapter TEXT NOT NULL
);

-- +goose Down
DROP TABLE trainer_keeps;
ALTER TABLE trainer_adapters DROP COLUMN collected;
