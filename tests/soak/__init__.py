"""A service for as long as one likes, with troubles, looked at all the time: `make soak`."""
