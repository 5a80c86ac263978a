"""Backends that break a rule of CRE, a module for each rule."""
