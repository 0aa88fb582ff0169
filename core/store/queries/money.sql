-- name: Identify :one
INSERT INTO identities (user_id, account_id) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET account_id = identities.account_id
RETURNING account_id;

-- name: LockAccount :exec
INSERT INTO accounts (id) VALUES ($1)
ON CONFLICT (id) DO UPDATE SET locked = accounts.locked;

-- name: AccountOf :one
SELECT account_id FROM identities WHERE user_id = $1;

-- name: LockTallies :many
INSERT INTO tallies (scope, period, images, spent, uncertain)
VALUES (sqlc.arg(account), sqlc.arg(day), 0, 0, 0), (sqlc.arg(account), sqlc.arg(month), 0, 0, 0), (sqlc.arg(bot), sqlc.arg(day), 0, 0, 0)
ON CONFLICT (scope, period) DO UPDATE SET images = tallies.images
RETURNING scope, period, images, spent, uncertain;

-- name: Tallies :many
SELECT scope, period, images, spent, uncertain FROM tallies
WHERE scope IN (sqlc.arg(account), sqlc.arg(bot)) AND period IN (sqlc.arg(day), sqlc.arg(month));

-- name: AddTallies :exec
INSERT INTO tallies (scope, period, images, spent, uncertain)
VALUES (sqlc.arg(account), sqlc.arg(day), sqlc.arg(images), 0, sqlc.arg(uncertain)),
    (sqlc.arg(account), sqlc.arg(month), 0, sqlc.arg(spent), 0),
    (sqlc.arg(bot), sqlc.arg(day), 0, sqlc.arg(bot_spent), 0)
ON CONFLICT (scope, period) DO UPDATE SET images = tallies.images + excluded.images,
    spent = tallies.spent + excluded.spent, uncertain = tallies.uncertain + excluded.uncertain;

-- name: CountUnfinished :one
SELECT
    (SELECT count(*) FROM generations AS g WHERE g.state = 'open' AND g.account_id = $1) AS generations,
    (SELECT count(*) FROM takes AS t WHERE t.state IN ('queued', 'begun', 'ticketed')) AS takes;

-- name: AddReservation :exec
INSERT INTO entries (generation_id, take, kind, account_id, amount, unknown, day, month, at)
VALUES ($1, $2, 'reserve', $3, $4, FALSE, $5, $6, $7);

-- name: AddEnding :execrows
INSERT INTO entries (generation_id, take, kind, account_id, amount, unknown, day, month, at)
SELECT r.generation_id, r.take, sqlc.arg(kind), r.account_id, r.amount, sqlc.arg(unknown), r.day, r.month, sqlc.arg(at)
FROM entries AS r
WHERE r.generation_id = sqlc.arg(generation_id) AND r.take = sqlc.arg(take) AND r.kind = 'reserve'
    AND r.account_id = sqlc.arg(account_id) AND r.amount = sqlc.arg(amount) AND r.day = sqlc.arg(day) AND r.month = sqlc.arg(month);
