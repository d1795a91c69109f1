"""A stand-in for Anthropic."""
