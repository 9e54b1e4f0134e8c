"""Augmentations and resampling of batches of pictures."""
