-- +goose Up
-- user_personas: the added ones. given is the persona as it came (with its id),
-- body the StoredPersona; both as deterministic protobuf.
CREATE TABLE user_personas (
    id    TEXT PRIMARY KEY,
    given BYTEA NOT NULL,
    body  BYTEA NOT NULL
);
-- user_requests: what each request_id was answered with.
CREATE TABLE user_requests (
    request_id TEXT PRIMARY KEY,
    body       BYTEA NOT NULL
);

-- +goose Down
DROP TABLE user_requests;
DROP TABLE user_personas;
