SELECT state FROM ops.load WHERE load_id = %(load_id)s
