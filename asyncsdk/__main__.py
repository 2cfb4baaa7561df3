"""`python -m asyncsdk`: the command line."""

import sys

from asyncsdk.cli import main

if __name__ == "__main__":
    sys.exit(main())
