-- +goose Up

-- Events of a type that is seldom, and those that are critical, are found among a
-- hundred thousand others without looking at them; their times and severities are
-- seen in the index. Rank 3 is critical.

DROP INDEX events_type;
CREATE INDEX events_type ON events (type, id, happened_at, severity_rank);
CREATE INDEX events_critical ON events (id) WHERE severity_rank >= 3;
