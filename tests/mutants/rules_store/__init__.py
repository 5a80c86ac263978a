"""Backends that break a rule of STORE, a module for each rule."""
