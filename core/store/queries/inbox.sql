-- name: AddEvent :execrows
INSERT INTO events (key, platform, raw, at, holder) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (key) DO NOTHING;

-- name: EndEvent :exec
UPDATE events SET ended = TRUE, raw = NULL WHERE key = $1 AND NOT ended;

-- name: ForgetEvents :exec
DELETE FROM events WHERE ended AND at < sqlc.arg(before);

-- name: AdoptEvents :many
UPDATE events SET holder = sqlc.arg(holder)
WHERE key IN (
    SELECT e.key FROM events AS e
    WHERE NOT e.ended AND e.platform = sqlc.arg(platform) AND NOT EXISTS (SELECT 1 FROM holders AS h WHERE h.id = e.holder)
    ORDER BY e.at, e.key LIMIT sqlc.arg(most)
)
RETURNING key, platform, raw, at;

-- name: Beat :exec
INSERT INTO holders (id, beat_at) VALUES ($1, $2)
ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at;

-- name: Bury :exec
DELETE FROM holders WHERE id <> sqlc.arg(living) AND beat_at < sqlc.arg(before);

-- name: Holders :many
SELECT id FROM holders;

-- name: Note :one
SELECT value FROM notes WHERE key = $1 AND expires_at > sqlc.arg(now);

-- name: PutNote :exec
INSERT INTO notes (key, value, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at;

-- name: DropNotes :exec
DELETE FROM notes WHERE expires_at <= sqlc.arg(now);
