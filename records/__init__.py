"""What happened: the journal, what is computed from it, and the people of the line."""
