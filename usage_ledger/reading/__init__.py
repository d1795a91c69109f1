"""From landed bytes to Arrow: what an answer means, as its report declares it."""
