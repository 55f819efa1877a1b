"""``python -m conv_reference``: the command where its script is not on the path."""

import sys

if not sys.flags.safe_path:  # what lies in the working directory, a random.py, is not Python's own
    sys.path.append(sys.path.pop(0))

from conv_reference.cli import main

raise SystemExit(main())
