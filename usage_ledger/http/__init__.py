"""The one HTTP client: GET only, bounded in time, bytes, pages and retries, never redirected."""
