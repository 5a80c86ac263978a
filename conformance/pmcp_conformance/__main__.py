"""`python -m pmcp_conformance`: the command `pmcp-conformance`, where scripts are not on PATH."""

import sys

from pmcp_conformance.cli import main

sys.exit(main())
