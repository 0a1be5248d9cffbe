-- +goose Up

-- Which servers work on this database, and who holds which part of the work. A
-- server counts its beats up as long as it lives. A term grows each time that
-- its part is taken.

CREATE TABLE servers (
    id     TEXT   NOT NULL PRIMARY KEY,
    run    TEXT   NOT NULL,
    base   TEXT   NOT NULL,
    beats  BIGINT NOT NULL
);

CREATE TABLE leases (
    share  BIGINT NOT NULL PRIMARY KEY,
    holder TEXT   NOT NULL,
    term   BIGINT NOT NULL
);
INSERT INTO leases (share, holder, term) VALUES
    (0, '', 0), (1, '', 0), (2, '', 0), (3, '', 0), (4, '', 0), (5, '', 0), (6, '', 0), (7, '', 0),
    (8, '', 0), (9, '', 0), (10, '', 0), (11, '', 0), (12, '', 0), (13, '', 0), (14, '', 0), (15, '', 0),
    (16, '', 0), (17, '', 0), (18, '', 0), (19, '', 0), (20, '', 0), (21, '', 0), (22, '', 0), (23, '', 0),
    (24, '', 0), (25, '', 0), (26, '', 0), (27, '', 0), (28, '', 0), (29, '', 0), (30, '', 0), (31, '', 0);

-- In SQLite it grows with each change that listeners are told of, so that those
-- of other servers learn of it. PostgreSQL tells them by itself.
CREATE TABLE revision (
    id     BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO revision (id, number) VALUES (0, 0);

-- For what a server must not tell again of a rule that it takes over.
CREATE INDEX breaches_ended ON breaches (ended_at);
