"""Instruments: what the layers hold, how they are moved, and whether that looks well."""
