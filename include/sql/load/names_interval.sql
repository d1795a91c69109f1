-- Intervals of equal names, anew for the ids just seen: what is not told on a day is carried on from the day before.
CREATE TEMPORARY TABLE name_interval ON COMMIT DROP AS
WITH observed AS (
    SELECT known.connection_id, known.kind, known.id, known.observed_on, known.name,
        known.parent_id, known.owner_id, known.tags,
        count(known.parent_id) OVER told AS parents,
        count(known.owner_id) OVER told AS owners,
        count(known.tags) OVER told AS taggings
    FROM ops.name_observation AS known
    JOIN (SELECT DISTINCT connection_id, kind, id FROM staged_name) AS seen USING (connection_id, kind, id)
    WINDOW told AS (PARTITION BY known.connection_id, known.kind, known.id ORDER BY known.observed_on)
), carried AS (
    SELECT connection_id, kind, id, observed_on, name,
        max(parent_id) OVER (PARTITION BY connection_id, kind, id, parents) AS parent_id,
        max(owner_id) OVER (PARTITION BY connection_id, kind, id, owners) AS owner_id,
        max(tags) OVER (PARTITION BY connection_id, kind, id, taggings) AS tags
    FROM observed
), marked AS (
    SELECT *, (name, parent_id, owner_id, tags) IS DISTINCT FROM
            (lag(name) OVER days, lag(parent_id) OVER days, lag(owner_id) OVER days, lag(tags) OVER days)
            OR lag(observed_on) OVER days IS NULL AS begins
    FROM carried
    WINDOW days AS (PARTITION BY connection_id, kind, id ORDER BY observed_on)
)
SELECT connection_id, kind, id, name, parent_id, owner_id, tags, observed_on AS valid_from,
    lead(observed_on) OVER (PARTITION BY connection_id, kind, id ORDER BY observed_on) AS valid_to
FROM marked
WHERE begins
