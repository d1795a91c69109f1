"""A stand-in for OpenRouter."""
