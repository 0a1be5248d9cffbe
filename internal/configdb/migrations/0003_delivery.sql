-- +goose Up

-- How many events become few messages, what is held back, and who changed what.
-- Subscriptions that were there get what suits most.

ALTER TABLE subscriptions ADD COLUMN only_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE subscriptions ADD COLUMN max_eta_ns BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN group_by TEXT NOT NULL DEFAULT '["rule"]';
ALTER TABLE subscriptions ADD COLUMN group_wait_ns BIGINT NOT NULL DEFAULT 30000000000;
ALTER TABLE subscriptions ADD COLUMN group_interval_ns BIGINT NOT NULL DEFAULT 300000000000;
ALTER TABLE subscriptions ADD COLUMN repeat_interval_ns BIGINT NOT NULL DEFAULT 86400000000000;
ALTER TABLE subscriptions ADD COLUMN sms_daily_budget BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN sms_overflow_to TEXT NOT NULL DEFAULT 'null';

ALTER TABLE endpoints ADD COLUMN format TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN previous_secret TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN previous_secret_until BIGINT;

-- A claim is a server's: claimed_until is NULL unless it tries the delivery now,
-- or died while it did.

ALTER TABLE deliveries ADD COLUMN group_name TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN message_id TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN held_by TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN reminder BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN expires_at BIGINT;
ALTER TABLE deliveries ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN claimed_until BIGINT;

-- The queue of an endpoint is in the order of the events: identifiers of
-- deliveries that were made in the same millisecond sort at random.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (endpoint_id, (COALESCE(next_try, 0)), event_id, id) WHERE state = 'pending';
CREATE INDEX deliveries_group ON deliveries (endpoint_id, group_name, message_id, (COALESCE(next_try, 0)), event_id, id)
    WHERE state = 'pending' AND group_name <> '';
CREATE INDEX deliveries_held ON deliveries (held_by, event_id, id, endpoint_id) WHERE state = 'held';
CREATE INDEX deliveries_claimed ON deliveries (endpoint_id, topic) WHERE claimed_until IS NOT NULL;

-- For what is pruned by its type.
CREATE INDEX events_type ON events (type, happened_at);

-- When the group's last message was or will be sent, and when the next may be.
CREATE TABLE delivery_groups (
    endpoint_id TEXT   NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    group_name  TEXT   NOT NULL,
    sent_at     BIGINT NOT NULL,
    next_at     BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, group_name)
);

-- What an endpoint was told of and not yet told the end of: the last event, when
-- that was, or a reminder of it was planned, and whether it is to be reminded.
CREATE TABLE told (
    topic       TEXT    NOT NULL,
    endpoint_id TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    event_id    TEXT    NOT NULL,
    reminder    BIGINT  NOT NULL,
    told_at     BIGINT  NOT NULL,
    reminds     BOOLEAN NOT NULL,
    PRIMARY KEY (topic, endpoint_id)
);
CREATE INDEX told_reminds ON told (endpoint_id, told_at, topic) WHERE reminds;

INSERT INTO told (topic, endpoint_id, event_id, reminder, told_at, reminds)
SELECT last.topic, last.endpoint_id, last.event_id, 0, COALESCE(last.done_at, last.created_at), last.type = 'breach.started'
FROM (
    SELECT d.topic, d.endpoint_id, d.event_id, d.done_at, d.created_at, v.type,
        ROW_NUMBER() OVER (PARTITION BY d.endpoint_id, d.topic ORDER BY d.event_id DESC, d.id DESC) AS place
    FROM deliveries d
    JOIN events v ON v.id = d.event_id
    JOIN endpoints e ON e.id = d.endpoint_id
    WHERE d.state = 'delivered' AND d.topic <> ''
) last
WHERE last.place = 1 AND last.type NOT IN (
    'prediction.confirmed', 'prediction.averted', 'prediction.expired', 'prediction.withdrawn',
    'breach.ended', 'host.returned', 'endpoint.enabled', 'rule.restored');

CREATE TABLE silences (
    id         TEXT   NOT NULL PRIMARY KEY,
    matchers   TEXT   NOT NULL,
    starts_at  BIGINT NOT NULL,
    ends_at    BIGINT,
    recurs     TEXT   NOT NULL,
    comment    TEXT   NOT NULL,
    created_by TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The topic is the identifier of a prediction or breach.
CREATE TABLE acknowledgements (
    topic    TEXT   NOT NULL PRIMARY KEY,
    acked_at BIGINT NOT NULL,
    acked_by TEXT   NOT NULL,
    comment  TEXT   NOT NULL
);

-- The day is its midnight UTC.
CREATE TABLE text_messages (
    subscription_id TEXT   NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    day             BIGINT NOT NULL,
    sent            BIGINT NOT NULL,
    PRIMARY KEY (subscription_id, day)
);

-- Entries outlive what they are about.
CREATE TABLE audit (
    id           TEXT   NOT NULL PRIMARY KEY,
    noted_at     BIGINT NOT NULL,
    actor        TEXT   NOT NULL,
    action       TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    before_state TEXT   NOT NULL,
    after_state  TEXT   NOT NULL
);
CREATE INDEX audit_subject ON audit (subject, id);
