"""What is done with an index, by topic, for every database that speaks SQL."""
