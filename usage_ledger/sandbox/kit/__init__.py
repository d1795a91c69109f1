"""What stand-ins share: accounts, time slots, meters, requests, page tokens, errors, failures, sums of the truth."""
