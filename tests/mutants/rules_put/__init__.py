"""Backends that break a rule of PUT, a module for each rule."""
