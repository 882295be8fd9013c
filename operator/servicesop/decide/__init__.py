"""What follows from the results: procedures, episodes, decision tables, gates. Pure."""
