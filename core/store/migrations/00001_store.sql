-- One text for SQLite and PostgreSQL, see core/store/doc.go. Times are Unix milliseconds, 0 is
-- never; money is micro-PTC; request and image are JSON; an empty holder or parent is none.

-- +goose Up

-- The inbox. Ended events stay for some days without their raw form, so that a platform that
-- sends them once more is recognised.
CREATE TABLE events (
    key      TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    raw      BYTEA,
    at       BIGINT NOT NULL,
    holder   TEXT NOT NULL,
    ended    BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX events_left ON events (at, key) WHERE NOT ended;
CREATE INDEX events_ended ON events (at) WHERE ended;

-- locked is written to lock the row and means nothing else.
CREATE TABLE accounts (
    id     TEXT PRIMARY KEY,
    locked BIGINT NOT NULL DEFAULT 0
);

-- Deferred, because who was first is decided here, before the account is there.
CREATE TABLE identities (
    user_id    TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE generations (
    id           TEXT PRIMARY KEY,
    event        TEXT NOT NULL,
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    user_id      TEXT NOT NULL,
    place        TEXT NOT NULL,
    platform     TEXT NOT NULL,
    address      TEXT NOT NULL,
    parent       TEXT NOT NULL,
    request      TEXT NOT NULL,
    private      BOOLEAN NOT NULL,
    has_inputs   BOOLEAN NOT NULL,
    created_at   BIGINT NOT NULL,
    -- From here on it may change.
    state        TEXT NOT NULL CHECK (state IN ('open', 'delivered', 'kept', 'refused', 'cancelled')),
    cancel_asked BOOLEAN NOT NULL,
    holder       TEXT NOT NULL,
    attempts     BIGINT NOT NULL CHECK (attempts >= 0),
    due_at       BIGINT NOT NULL,
    receipt      TEXT NOT NULL,
    inputs_gone  BOOLEAN NOT NULL,
    purged       BOOLEAN NOT NULL,
    ended_at     BIGINT NOT NULL,
    has_images   BOOLEAN NOT NULL,
    newest_at    BIGINT NOT NULL -- when the newest of its pictures that are kept came
);
CREATE INDEX generations_open ON generations (created_at, id) WHERE state = 'open';
CREATE INDEX generations_unfinished ON generations (account_id, created_at, id) WHERE state = 'open';
CREATE INDEX generations_kept ON generations (account_id, created_at, id) WHERE state = 'kept';
CREATE INDEX generations_again ON generations (account_id, parent, created_at) WHERE parent <> '';
CREATE INDEX generations_newest ON generations (account_id, place, newest_at) WHERE newest_at > 0;
CREATE INDEX generations_inputs ON generations (ended_at) WHERE has_inputs AND NOT inputs_gone;
CREATE INDEX generations_images ON generations (ended_at) WHERE has_images AND NOT purged;

-- account_id, model and created_at repeat the generation's, which never change: the queue
-- is read from one index.
CREATE TABLE takes (
    generation_id TEXT NOT NULL REFERENCES generations (id),
    take          BIGINT NOT NULL CHECK (take >= 0),
    account_id    TEXT NOT NULL,
    model         TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    price         BIGINT NOT NULL CHECK (price >= 0),
    -- From here on it may change.
    state         TEXT NOT NULL CHECK (state IN ('queued', 'begun', 'ticketed', 'rendered', 'failed', 'cancelled')),
    holder        TEXT NOT NULL,
    ticket        TEXT NOT NULL,
    attempts      BIGINT NOT NULL CHECK (attempts >= 0),
    due_at        BIGINT NOT NULL,
    claimed_at    BIGINT NOT NULL,
    ended_at      BIGINT NOT NULL,
    image         TEXT NOT NULL,
    kind          TEXT NOT NULL,
    reason        TEXT NOT NULL,
    PRIMARY KEY (generation_id, take)
);
-- The queue reads this index alone and in its order: a line for each account and model,
-- ticketed before queued.
CREATE INDEX takes_unfinished ON takes (account_id, model, state DESC, created_at, generation_id, take, due_at, holder)
    WHERE state IN ('queued', 'begun', 'ticketed');
CREATE INDEX takes_served ON takes (account_id, claimed_at);

-- The ledger: rows are added and never changed. It refers to nothing, because it outlives
-- what it tells of.
CREATE TABLE entries (
    generation_id TEXT NOT NULL,
    take          BIGINT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('reserve', 'settle', 'refund', 'uncertain')),
    account_id    TEXT NOT NULL,
    amount        BIGINT NOT NULL CHECK (amount >= 0),
    unknown       BOOLEAN NOT NULL,
    day           TEXT NOT NULL,
    month         TEXT NOT NULL,
    at            BIGINT NOT NULL,
    PRIMARY KEY (generation_id, take, kind)
);
-- A take ends once.
CREATE UNIQUE INDEX entries_ending ON entries (generation_id, take) WHERE kind <> 'reserve';

-- Sums of the ledger: of an account by day (images, uncertain) and by month (spent), and
-- of the scope 'bot' by day (spent).
CREATE TABLE tallies (
    scope     TEXT NOT NULL,
    period    TEXT NOT NULL,
    images    BIGINT NOT NULL,
    spent     BIGINT NOT NULL,
    uncertain BIGINT NOT NULL,
    PRIMARY KEY (scope, period)
);

CREATE TABLE holders (
    id      TEXT PRIMARY KEY,
    beat_at BIGINT NOT NULL
);

CREATE TABLE notes (
    key        TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX notes_expired ON notes (expires_at);

-- What only one transaction does at a time locks its row here.
CREATE TABLE turns (
    name   TEXT PRIMARY KEY,
    locked BIGINT NOT NULL DEFAULT 0
);
INSERT INTO turns (name) VALUES ('queue'), ('inbox');
