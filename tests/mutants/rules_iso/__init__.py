"""Backends that break a rule of ISO, a module for each rule."""
