"""One visible training loop for every method, and the optimizers that torch does not have."""
