"""JSON bytes: whole or not, in parts, packed, scrubbed; never through float."""
