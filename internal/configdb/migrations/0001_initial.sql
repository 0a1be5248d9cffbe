-- +goose Up

-- Types are chosen so that SQLite and PostgreSQL read them alike: times are
-- BIGINT Unix microseconds (NULL: none), durations BIGINT nanoseconds, JSON and
-- matchers TEXT, hashes of keys hexadecimal TEXT. Identifiers hold lower-case
-- letters and digits only, so that their order does not depend on a collation.

CREATE TABLE hosts (
    id             TEXT    NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL UNIQUE,
    labels         TEXT    NOT NULL,
    key_hash       TEXT    UNIQUE,
    created_at     BIGINT  NOT NULL,
    last_seen      BIGINT,
    silent_since   BIGINT,
    check_statuses TEXT    NOT NULL
);

CREATE TABLE checks (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    collector   TEXT    NOT NULL,
    command     TEXT    NOT NULL,
    interval_ns BIGINT  NOT NULL,
    timeout_ns  BIGINT  NOT NULL,
    labels      TEXT    NOT NULL,
    matchers    TEXT    NOT NULL,
    enabled     BOOLEAN NOT NULL,
    created_at  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL
);

CREATE TABLE targets (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE,
    kind         TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    interval_ns  BIGINT  NOT NULL,
    timeout_ns   BIGINT  NOT NULL,
    packet_count BIGINT  NOT NULL,
    labels       TEXT    NOT NULL,
    options      TEXT    NOT NULL,
    enabled      BOOLEAN NOT NULL,
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL
);

CREATE TABLE rules (
    id          TEXT             NOT NULL PRIMARY KEY,
    name        TEXT             NOT NULL UNIQUE,
    selector    TEXT             NOT NULL,
    operator    TEXT             NOT NULL,
    limit_value DOUBLE PRECISION NOT NULL,
    for_ns      BIGINT           NOT NULL,
    horizon_ns  BIGINT           NOT NULL,
    open_at     DOUBLE PRECISION NOT NULL,
    close_at    DOUBLE PRECISION NOT NULL,
    bounds      TEXT             NOT NULL,
    severity    TEXT             NOT NULL,
    labels      TEXT             NOT NULL,
    annotations TEXT             NOT NULL,
    enabled     BOOLEAN          NOT NULL,
    created_at  BIGINT           NOT NULL,
    updated_at  BIGINT           NOT NULL
);

CREATE TABLE subscriptions (
    id              TEXT             NOT NULL PRIMARY KEY,
    name            TEXT             NOT NULL UNIQUE,
    event_types     TEXT             NOT NULL,
    matchers        TEXT             NOT NULL,
    min_severity    TEXT             NOT NULL,
    min_probability DOUBLE PRECISION NOT NULL,
    enabled         BOOLEAN          NOT NULL,
    created_at      BIGINT           NOT NULL,
    updated_at      BIGINT           NOT NULL
);

CREATE TABLE endpoints (
    id              TEXT    NOT NULL PRIMARY KEY,
    subscription_id TEXT    NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    position        BIGINT  NOT NULL,
    kind            TEXT    NOT NULL,
    url             TEXT    NOT NULL,
    secret          TEXT    NOT NULL,
    recipients      TEXT    NOT NULL,
    disabled        BOOLEAN NOT NULL,
    disabled_reason TEXT    NOT NULL,
    disabled_at     BIGINT,
    failures        BIGINT  NOT NULL,
    exhausted       BIGINT  NOT NULL,
    failing_since   BIGINT,
    last_success    BIGINT
);
CREATE INDEX endpoints_subscription ON endpoints (subscription_id, position);

CREATE TABLE tokens (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    prefix     TEXT   NOT NULL,
    key_hash   TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    last_used  BIGINT,
    expires_at BIGINT
);

-- History names rules and hosts, but does not refer to them: it outlives them.

CREATE TABLE predictions (
    id                  TEXT    NOT NULL PRIMARY KEY,
    rule_id             TEXT    NOT NULL,
    rule_name           TEXT    NOT NULL,
    metric              TEXT    NOT NULL,
    series_labels       TEXT    NOT NULL,
    host                TEXT    NOT NULL,
    severity            TEXT    NOT NULL,
    state               TEXT    NOT NULL,
    opened_at           BIGINT  NOT NULL,
    closed_at           BIGINT,
    first_announcement  TEXT    NOT NULL,
    latest_announcement TEXT    NOT NULL,
    breach_id           TEXT    NOT NULL,
    lead_ns             BIGINT  NOT NULL,
    turned              BOOLEAN NOT NULL,
    close_reason        TEXT    NOT NULL
);
CREATE INDEX predictions_rule ON predictions (rule_id, id);
CREATE INDEX predictions_host ON predictions (host, id);
CREATE INDEX predictions_state ON predictions (state, id);
CREATE INDEX predictions_opened ON predictions (opened_at);
CREATE INDEX predictions_closed ON predictions (closed_at);

CREATE TABLE breaches (
    id            TEXT             NOT NULL PRIMARY KEY,
    rule_id       TEXT             NOT NULL,
    rule_name     TEXT             NOT NULL,
    metric        TEXT             NOT NULL,
    series_labels TEXT             NOT NULL,
    host          TEXT             NOT NULL,
    severity      TEXT             NOT NULL,
    started_at    BIGINT           NOT NULL,
    ended_at      BIGINT,
    value         DOUBLE PRECISION NOT NULL,
    prediction_id TEXT             NOT NULL,
    lead_ns       BIGINT           NOT NULL,
    end_reason    TEXT             NOT NULL
);
CREATE INDEX breaches_rule ON breaches (rule_id, id);
CREATE INDEX breaches_host ON breaches (host, id);
CREATE INDEX breaches_started ON breaches (started_at);
CREATE INDEX breaches_open ON breaches (id) WHERE ended_at IS NULL;

-- The body is the event as it goes over the wire; the other columns are for
-- finding it. An event that is not published yet waits for the bus.

CREATE TABLE events (
    id            TEXT    NOT NULL PRIMARY KEY,
    type          TEXT    NOT NULL,
    happened_at   BIGINT  NOT NULL,
    severity_rank BIGINT  NOT NULL,
    rule_id       TEXT    NOT NULL,
    host          TEXT    NOT NULL,
    body          TEXT    NOT NULL,
    published     BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX events_rule ON events (rule_id, id);
CREATE INDEX events_host ON events (host, id);
CREATE INDEX events_happened ON events (happened_at);
CREATE INDEX events_unpublished ON events (id) WHERE NOT published;

-- endpoint_id does not refer to endpoints: a delivery stays on record when its
-- endpoint is taken out of the subscription.

CREATE TABLE deliveries (
    id              TEXT   NOT NULL PRIMARY KEY,
    event_id        TEXT   NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    subscription_id TEXT   NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    endpoint_id     TEXT   NOT NULL,
    topic           TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    next_try        BIGINT,
    done_at         BIGINT,
    last_try        TEXT   NOT NULL
);
CREATE INDEX deliveries_event ON deliveries (event_id);
CREATE INDEX deliveries_subscription ON deliveries (subscription_id, id);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, (COALESCE(next_try, 0)), id) WHERE state = 'pending';
CREATE INDEX deliveries_topic ON deliveries (endpoint_id, topic);

CREATE TABLE attempts (
    delivery_id  TEXT   NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number       BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    status_code  BIGINT NOT NULL,
    latency_ns   BIGINT NOT NULL,
    error        TEXT   NOT NULL,
    response     TEXT   NOT NULL,
    PRIMARY KEY (delivery_id, number)
);
