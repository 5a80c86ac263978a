"""The storage backends. Each module needs its own library only; none is imported here."""
