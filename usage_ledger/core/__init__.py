"""Words, laws of numbers and time, errors, redaction. Standard library only."""
