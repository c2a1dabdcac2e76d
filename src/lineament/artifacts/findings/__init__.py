"""The sections of an evaluation report, one module each: what was found, and in which words."""
