"""Backends that break a rule of CON, a module for each rule."""
