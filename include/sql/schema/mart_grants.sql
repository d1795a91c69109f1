-- Who else but its owner may do what with a mart.
SELECT granted.privilege_type, coalesce(role.rolname::text, 'PUBLIC')
FROM pg_class AS relation
CROSS JOIN LATERAL aclexplode(relation.relacl) AS granted
LEFT JOIN pg_roles AS role ON role.oid = granted.grantee
WHERE relation.oid = %(view)s::regclass AND granted.grantee <> relation.relowner
