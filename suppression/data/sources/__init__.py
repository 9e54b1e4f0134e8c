"""Sources of instances: digits and photographs, for training and held out."""
