"""The five nouns: Dataset, Run, Predictions, Bundle, Report; one module each."""
