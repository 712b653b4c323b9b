"""What happens inside a call: the FastAGI server and the flows."""
