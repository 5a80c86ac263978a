"""Backends that break a rule of DEL, a module for each rule."""
