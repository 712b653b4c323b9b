"""The commands, a file for each noun; cli.py is the door to them."""
