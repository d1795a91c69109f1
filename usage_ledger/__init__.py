"""Usage Ledger: what AI providers metered, who used it, and whether it equals the bill."""

__version__ = "0.1.0"
