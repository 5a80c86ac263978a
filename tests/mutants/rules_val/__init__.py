"""Backends that break a rule of VAL, a module for each rule."""
