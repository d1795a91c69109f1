"""A local stand-in for a provider's API whose every number is known in advance."""
