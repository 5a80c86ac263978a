"""`python -m pmcp_storage`: the command `pmcp-storage`, where scripts are not on the path."""

import sys

from pmcp_storage.cli import main

sys.exit(main())
