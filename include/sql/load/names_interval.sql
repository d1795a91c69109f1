-- Intervals of equal names, anew for the staged ids. A value that an observation lacks is taken from the one before.
CREATE TEMPORARY TABLE name_interval ON COMMIT DROP AS
WITH observations AS (
    SELECT observation.connection_id, observation.kind, observation.id, observation.observed_on, observation.name,
        observation.parent_id, observation.owner_id, observation.tags,
        count(observation.parent_id) OVER by_day AS parents,
        count(observation.owner_id) OVER by_day AS owners,
        count(observation.tags) OVER by_day AS taggings
    FROM ops.name_observation AS observation
    JOIN (SELECT DISTINCT connection_id, kind, id FROM staged_name) AS staged_ids USING (connection_id, kind, id)
    WINDOW by_day AS (PARTITION BY observation.connection_id, observation.kind, observation.id ORDER BY observation.observed_on)
), carried AS (
    SELECT connection_id, kind, id, observed_on, name,
        max(parent_id) OVER (PARTITION BY connection_id, kind, id, parents) AS parent_id,
        max(owner_id) OVER (PARTITION BY connection_id, kind, id, owners) AS owner_id,
        max(tags) OVER (PARTITION BY connection_id, kind, id, taggings) AS tags
    FROM observations
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
