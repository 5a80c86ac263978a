"""How many files and sockets this process may have open, and whether that is enough."""

from __future__ import annotations

import resource

_NEEDED = 512
"""What the rules on faults come to, who have some forty proxies with their handles at a time."""


def too_few_files() -> str:
    """Raise this process's limit as far as the rules need; says so where the system forbids that.

    The workers and children that are started later inherit it.
    """
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit >= _NEEDED:
        return ""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_NEEDED, most))
    except (OSError, ValueError):
        return (
            f"a process may open {limit} files here, and the rules need {_NEEDED}: raise the "
            f"limit (ulimit -Hn {_NEEDED})"
        )
    return ""
