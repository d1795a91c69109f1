"""Bodies of answers, too large to hold: in parts, and packed."""
