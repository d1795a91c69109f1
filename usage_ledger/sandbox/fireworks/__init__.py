"""A stand-in for Fireworks AI."""
