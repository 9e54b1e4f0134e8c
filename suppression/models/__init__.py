"""Compact encoders and their heads."""
