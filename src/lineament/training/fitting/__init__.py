"""Fitting: the loop over epochs, and what lets it survive lack of memory, time and power."""
