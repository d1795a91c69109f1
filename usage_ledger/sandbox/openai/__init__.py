"""A stand-in for OpenAI."""
