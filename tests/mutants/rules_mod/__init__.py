"""Backends that break a rule of MOD, a module for each rule."""
