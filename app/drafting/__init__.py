"""Drafters: a user's events in, lines of a demonstration out."""
