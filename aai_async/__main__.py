"""Run the command `aai-async` with `python -m aai_async`."""

import sys

from aai_async._cli import main

if __name__ == "__main__":
    sys.exit(main())
