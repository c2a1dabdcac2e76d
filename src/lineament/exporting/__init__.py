"""From a run to a bundle, after proof that the shipped graph answers like the trained model."""
