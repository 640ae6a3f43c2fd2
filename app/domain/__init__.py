"""The nouns of the method: pure, synchronous, with time and randomness passed in."""
