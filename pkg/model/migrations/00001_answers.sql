-- +goose Up
CREATE TABLE answers (
    run TEXT NOT NULL,
    step BIGINT NOT NULL,
    key TEXT NOT NULL,
    reply BYTEA NOT NULL,
    PRIMARY KEY (run, step, key)
);
CREATE TABLE spending (
    role TEXT PRIMARY KEY,
    requests BIGINT NOT NULL,
    prompt BIGINT NOT NULL,
    cached BIGINT NOT NULL,
    completion BIGINT NOT NULL,
    picos BIGINT NOT NULL
);
CREATE TABLE prompts (
    digest TEXT PRIMARY KEY,
    messages BYTEA NOT NULL
);

-- +goose Down
DROP TABLE prompts;
DROP TABLE spending;
DROP TABLE answers;
