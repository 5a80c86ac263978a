"""Backends that break a rule of FLT, a module for each rule."""
