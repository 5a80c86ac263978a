"""Storage backends over libraries that people use, each as somebody writes one in an afternoon.

They are honest, and most of them are not conformant: `docs/matrix.md` says what they get wrong. To
see it for yourself, run `pytest -p pmcp_conformance` in this folder.
"""
