"""The words in which a provider is declared: how to ask, what an answer means, who the vendor is."""
