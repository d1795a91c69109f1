SELECT connection_id, provider FROM ops.connection
