"""Chapters of a full report: what artifacts say, in sentences that a stranger understands."""
