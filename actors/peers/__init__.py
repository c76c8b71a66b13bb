"""Other archives that are reached by HTTP: calling them, and the actor that does."""
