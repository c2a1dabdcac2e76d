"""What every part stands on, in the standard library alone."""
