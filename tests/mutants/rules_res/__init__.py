"""Backends that break a rule of RES, a module for each rule."""
