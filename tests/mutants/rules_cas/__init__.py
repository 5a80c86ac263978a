"""Backends that break a rule of CAS, a module for each rule."""
