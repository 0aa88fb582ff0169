-- name: Turn :exec
UPDATE turns SET locked = locked WHERE name = $1;

-- name: Lines :many
SELECT generation_id, take, account_id, model, state, created_at, due_at, holder FROM takes
WHERE state IN ('queued', 'begun', 'ticketed')
ORDER BY account_id, model, state DESC, created_at, generation_id, take;

-- One look into the index for each account: a join would read all that they ever had.
-- name: Served :many
SELECT waiting.account_id, CAST((SELECT max(t.claimed_at) FROM takes AS t WHERE t.account_id = waiting.account_id) AS BIGINT) AS claimed_at
FROM (SELECT DISTINCT u.account_id FROM takes AS u WHERE u.state IN ('queued', 'begun', 'ticketed')) AS waiting;

-- name: Claimable :one
SELECT count(*) FROM takes
WHERE state IN ('queued', 'begun', 'ticketed') AND state <> 'begun' AND holder = '' AND due_at <= sqlc.arg(now);

-- name: Orphans :many
SELECT id FROM generations AS g WHERE g.state = 'open' AND (
    g.holder <> '' AND NOT EXISTS (SELECT 1 FROM holders AS h WHERE h.id = g.holder)
    OR EXISTS (SELECT 1 FROM takes AS t WHERE t.generation_id = g.id AND t.state IN ('queued', 'begun', 'ticketed') AND t.holder <> ''
        AND NOT EXISTS (SELECT 1 FROM holders AS h WHERE h.id = t.holder)))
ORDER BY g.created_at, g.id;

-- name: Overdue :many
SELECT id FROM generations WHERE state = 'open' AND created_at < sqlc.arg(before) ORDER BY created_at, id;

-- name: Untold :many
SELECT id FROM generations AS g WHERE g.state = 'open' AND g.holder = '' AND g.due_at < sqlc.arg(before)
    AND NOT EXISTS (SELECT 1 FROM takes AS t WHERE t.generation_id = g.id AND t.state IN ('queued', 'begun', 'ticketed'))
ORDER BY g.created_at, g.id;

-- name: Spoiled :many
SELECT id FROM generations AS g
WHERE g.has_inputs AND NOT g.inputs_gone AND g.ended_at > 0 AND g.ended_at < sqlc.arg(inputs)
UNION
SELECT id FROM generations AS g
WHERE g.has_images AND NOT g.purged AND g.ended_at > 0 AND g.ended_at < sqlc.arg(results)
LIMIT 100;
