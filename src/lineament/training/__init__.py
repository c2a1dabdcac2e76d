"""From a dataset to a run: heads on frozen features, and one loop for everything that learns."""
