"""What stand-ins share: time slots, streams, requests, page tokens, error answers, sums of the truth."""
