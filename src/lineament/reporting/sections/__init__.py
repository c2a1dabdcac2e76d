"""The sections of an evaluation page that have a template of their own, one module each."""
