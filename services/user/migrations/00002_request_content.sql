-- +goose Up
-- given is the persona that the request brought, so that a repeat is told from
-- another request with the same id. Earlier requests did not record it; a repeat
-- of one of them is still recognised by its persona.
DELETE FROM user_requests;
ALTER TABLE user_requests ADD COLUMN given BYTEA NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE user_requests DROP COLUMN given;
