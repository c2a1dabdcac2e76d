"""Inspection: what is wrong or alike among photos that were read."""
