"""Backends that break a rule of KEY, a module for each rule."""
