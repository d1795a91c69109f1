-- The classes of service at whose prices a quantity, or parts of quantities and prices of their own, come to an
-- amount. A class counts where every part has a price of it. Semicolons between them; '' where there are none.
CREATE FUNCTION ledger.fitting_tiers(
    quantity numeric, tiers text[], prices numeric[], parts jsonb, amount numeric, tolerance numeric
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (
    SELECT coalesce(string_agg(tier, ';' ORDER BY tier), '')
    FROM (
        SELECT one.tier
        FROM unnest(tiers, prices) AS one (tier, price)
        WHERE abs(amount - quantity * one.price) <= tolerance
        UNION ALL
        SELECT one.tier
        FROM jsonb_array_elements(parts) AS part
        CROSS JOIN LATERAL ROWS FROM (
            jsonb_array_elements_text(part -> 'tiers'), jsonb_array_elements_text(part -> 'prices')
        ) AS one (tier, price)
        GROUP BY one.tier
        HAVING count(*) = jsonb_array_length(parts)
            AND abs(amount - sum((part ->> 'quantity')::numeric * one.price::numeric)) <= tolerance
    ) AS fitting
)
