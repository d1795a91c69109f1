-- What each id is called, and when: one row per connection, kind, id and interval of dates. Intervals of an id never
-- overlap, so a join on the id and a date finds one name at most; the first name reaches back to before it was known.
-- connection_id: The connection that lists it.
-- kind: api_key, project, user, model, deployment, or another kind of thing that the provider lists.
-- id: The vendor's id of it.
-- name: Its name; `(unnamed)` where the vendor calls it nothing.
-- owner_id: The id of the key's owner; null where not given.
-- valid_from: The first date.
-- valid_to: The date after the last; `infinity` for the newest name.
CREATE VIEW marts.names AS
SELECT
    connection_id, kind, id, CASE WHEN name ~ '\S' THEN name ELSE '(unnamed)' END AS name, owner_id,
    coalesce(lag(valid_to) OVER earlier, '-infinity') AS valid_from, coalesce(valid_to, 'infinity') AS valid_to
FROM ledger.name
WINDOW earlier AS (PARTITION BY connection_id, kind, id ORDER BY valid_from)
