"""`python -m app.cli` is `lrgd`."""

from app.cli import main

main()
