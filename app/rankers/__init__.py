"""Rankers: a task and a demonstration in, scores out."""
