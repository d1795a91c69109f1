"""The data contracts: the one source of the tables' columns and their Arrow types."""
