"""`python -m lamina`: the same as the command `lamina`."""

import sys

from lamina.cli import main

sys.exit(main())
