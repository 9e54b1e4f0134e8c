"""See and measure feature suppression in contrastive learning: `python -m suppression.exp` lists the experiments."""

__version__ = "0.1.0"
