"""Backends that break a rule of DUR, a module for each rule."""
