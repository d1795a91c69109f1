"""What the tests stand on: servers, answers, stacks and laws."""
