"""Cards and recipes, and the cells that they ask for."""
