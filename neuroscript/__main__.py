"""``python -m neuroscript`` is the ``neuroscript`` command."""

import sys

from neuroscript.cli import main

if __name__ == "__main__":
    sys.exit(main())
