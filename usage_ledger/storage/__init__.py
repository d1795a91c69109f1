"""Raw pages, as the provider sent them, and the Parquet staged from them."""
