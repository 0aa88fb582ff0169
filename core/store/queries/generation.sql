-- name: AddGeneration :exec
INSERT INTO generations (id, event, account_id, user_id, place, platform, address, parent, request, private, has_inputs, created_at,
    state, cancel_asked, holder, attempts, due_at, receipt, inputs_gone, purged, ended_at, has_images, newest_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23);

-- name: AddTake :exec
INSERT INTO takes (generation_id, take, account_id, model, created_at, price,
    state, holder, ticket, attempts, due_at, claimed_at, ended_at, image, kind, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);

-- name: Whole :many
SELECT sqlc.embed(generations), sqlc.embed(takes) FROM generations JOIN takes ON takes.generation_id = generations.id
WHERE generations.id = $1 ORDER BY takes.take;

-- name: LockGeneration :one
UPDATE generations SET attempts = attempts WHERE id = $1 RETURNING *;

-- name: Takes :many
SELECT * FROM takes WHERE generation_id = $1 ORDER BY take;

-- name: SaveGeneration :execrows
UPDATE generations SET state = $2, cancel_asked = $3, holder = $4, attempts = $5, due_at = $6, receipt = $7,
    inputs_gone = $8, purged = $9, ended_at = $10, has_images = $11, newest_at = $12
WHERE id = $1;

-- name: SaveTake :execrows
UPDATE takes SET state = $3, holder = $4, ticket = $5, attempts = $6, due_at = $7, claimed_at = $8, ended_at = $9,
    image = $10, kind = $11, reason = $12
WHERE generation_id = $1 AND take = $2;

-- name: Child :one
SELECT id FROM generations WHERE account_id = $1 AND parent = $2 AND parent <> ''
ORDER BY created_at DESC, id DESC LIMIT 1;

-- name: Newest :one
SELECT id FROM generations WHERE account_id = $1 AND place = $2 AND newest_at > 0 AND (NOT private OR sqlc.arg(private))
ORDER BY newest_at DESC, created_at DESC, id DESC LIMIT 1;

-- name: Kept :many
SELECT id FROM generations WHERE account_id = $1 AND state = 'kept' AND NOT cancel_asked AND NOT purged
ORDER BY created_at DESC, id DESC LIMIT 10;

-- name: Unfinished :many
SELECT id FROM generations WHERE account_id = $1 AND state = 'open' ORDER BY created_at, id;
