-- What is built on a view: views and what is built on those, and functions, columns and others that name one of them.
WITH RECURSIVE built AS (
    SELECT %(view)s::regclass::oid AS relation
    UNION
    SELECT rule.ev_class
    FROM built
    JOIN pg_depend AS link
        ON link.refclassid = 'pg_class'::regclass AND link.refobjid = built.relation
            AND link.classid = 'pg_rewrite'::regclass AND link.deptype = 'n'
    JOIN pg_rewrite AS rule ON rule.oid = link.objid
)
SELECT relation::regclass::text
FROM built
WHERE relation <> %(view)s::regclass
UNION
SELECT pg_describe_object(link.classid, link.objid, link.objsubid)
FROM built
JOIN pg_type AS type ON type.typrelid = built.relation
JOIN pg_depend AS link
    ON link.refclassid = 'pg_class'::regclass AND link.refobjid = built.relation
        OR link.refclassid = 'pg_type'::regclass AND link.refobjid IN (type.oid, type.typarray)
WHERE link.deptype = 'n' AND link.classid <> 'pg_rewrite'::regclass
ORDER BY 1
