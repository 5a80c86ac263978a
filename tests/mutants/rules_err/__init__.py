"""Backends that break a rule of ERR, a module for each rule."""
