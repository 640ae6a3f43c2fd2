"""The HTTP doors: validation in, contract out, nothing decided here."""
