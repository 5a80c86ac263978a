"""Backends that break a rule of LIST, a module for each rule."""
