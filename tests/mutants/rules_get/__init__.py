"""Backends that break a rule of GET, a module for each rule."""
