"""Judge answers against the truth: figures with intervals, and what a reader must be told."""
