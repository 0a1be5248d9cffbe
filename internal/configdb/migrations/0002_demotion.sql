-- +goose Up

-- How rules are told of. The demotion is JSON, null unless the rule is demoted.

ALTER TABLE rules ADD COLUMN judged_since BIGINT;
ALTER TABLE rules ADD COLUMN restored_at BIGINT;
ALTER TABLE rules ADD COLUMN demotion TEXT NOT NULL DEFAULT 'null';

-- For what came of a prediction: the first breach of its series after it opened.
CREATE INDEX breaches_series ON breaches (rule_id, metric, series_labels, started_at);
