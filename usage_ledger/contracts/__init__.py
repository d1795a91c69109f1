"""The data contracts: the one source of the tables' columns, and what Arrow makes of them."""
