"""Studies: one recipe varied in one thing at a time, trained with several seeds, in one table."""
