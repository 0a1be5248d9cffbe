-- +goose Up

-- Who is asked for the series of a rule, and what; both empty unless they come
-- from a source.

ALTER TABLE rules ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE rules ADD COLUMN query TEXT NOT NULL DEFAULT '';
