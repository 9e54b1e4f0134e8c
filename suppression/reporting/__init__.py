"""Rows become tables, figures and pages."""
