UPDATE ops.load SET state = 'landed', fetched_at = %(fetched_at)s, manifest_uri = %(manifest_uri)s
WHERE load_id = %(load_id)s
