"""DUR: what was acknowledged is there after a close and after a kill -9.

A kill -9 shows what the process still held; it cannot show a missing fsync.
"""
