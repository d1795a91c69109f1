-- What the vendor has refused of a connection's reports, and whether that is a week ago.
SELECT report, lesser_form, absent, refused_at < now() - interval '7 days'
FROM ops.connection_report
WHERE connection_id = %(connection_id)s AND refused_at IS NOT NULL
