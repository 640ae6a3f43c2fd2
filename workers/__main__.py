"""`python -m workers [WORKER]...` is `lrgd work [WORKER]...`."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "work")
    main()
