"""Optimisation: what one step of training changes, how far, and against what."""
