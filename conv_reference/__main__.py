"""``python -m conv_reference``: the command where its script is not on the path."""

from conv_reference.cli import main

raise SystemExit(main())
