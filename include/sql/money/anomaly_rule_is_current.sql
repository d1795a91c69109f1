-- Whether the rule in force says the same; 50 and 50.00 are the same.
SELECT score = %(score)s AND settled_only = %(settled_only)s AND (
    SELECT jsonb_object_agg(key, trim_scale(value::numeric)) FROM jsonb_each_text(at_least)
) IS NOT DISTINCT FROM (
    SELECT jsonb_object_agg(key, trim_scale(value::numeric)) FROM jsonb_each_text(%(at_least)s::jsonb)
)
FROM ledger.anomaly_rule
WHERE superseded_at IS NULL
