-- How old the key of each connection is: one row per connection that was answered for a key of its own. An identity
-- without a key (a machine's, a workload's) has no row. Neither the key nor a part of it is anywhere in the warehouse.
-- connection_id: The connection.
-- provider: The vendor; null where the connection was never registered.
-- first_used_at: Since when its present key is used here; the key itself may be older. Null where that is not known: workers whose deployment keys differ cannot tell whether they use one key or two.
-- last_used_at: When the provider last answered a run that asked with a key of this connection.
CREATE VIEW marts.credentials AS
SELECT
    newest.connection_id, connection.provider,
    CASE WHEN NOT EXISTS (  -- another deployment's key was in use since this deployment last saw another provider's key
        SELECT FROM ops.credential AS other
        WHERE other.connection_id = newest.connection_id AND other.deployment <> newest.deployment
            AND other.last_used_at > coalesce((
                SELECT max(before.last_used_at)
                FROM ops.credential AS before
                WHERE before.connection_id = newest.connection_id AND before.deployment = newest.deployment
                    AND before.tag <> newest.tag
            ), '-infinity')
    ) THEN newest.first_used_at END AS first_used_at,
    newest.last_used_at
FROM (
    SELECT DISTINCT ON (connection_id) *
    FROM ops.credential
    ORDER BY connection_id, last_used_at DESC
) AS newest
LEFT JOIN ops.connection AS connection ON connection.connection_id = newest.connection_id
