"""A stand-in for Authress: an archive of its audit stream, and the REST API that names are read from."""
