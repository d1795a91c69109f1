"""Prices, the verdict on the bill, owners, budgets, and what is exported of them."""
