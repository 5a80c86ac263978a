"""Backends that break a rule of EXP, a module for each rule."""
