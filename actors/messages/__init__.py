"""All that can be said to the archive's actors: one module for each topic."""
