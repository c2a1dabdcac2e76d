"""Augmentation: what is done to a batch of training photos at random, and a look at it."""
