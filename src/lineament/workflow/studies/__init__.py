"""Studies: many trainings planned together, run apart from each other, compared in one table."""
