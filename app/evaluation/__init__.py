"""Measuring: data sets, protocols and measures."""
