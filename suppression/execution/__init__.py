"""Runs cells and keeps what they end in."""
