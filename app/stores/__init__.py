"""Where things are kept: Redis for what answering needs, PostgreSQL for what happened."""
