-- +goose Up

-- Browsers that are signed in. Their times are the wall clock's.

CREATE TABLE sessions (
    key_hash   TEXT   NOT NULL PRIMARY KEY,
    token_id   TEXT   NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    last_used  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_token ON sessions (token_id, created_at, key_hash);
CREATE INDEX sessions_expires ON sessions (expires_at);
