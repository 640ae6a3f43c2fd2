"""The answering side of lrgd: a recommendation service that learns in context."""

__version__ = "0.1.0"
