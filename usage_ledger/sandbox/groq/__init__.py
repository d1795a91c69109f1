"""The stand-in for Groq: rates over five minutes, asked for in the query language of its metrics server."""
