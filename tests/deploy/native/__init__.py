"""docker-compose.yml without Docker: its services as processes in namespaces of their own.

Each service gets what Docker would give it: its command, its environment and no other, its user
without rights, its volumes, its own network address that the others know by the service's name, and
a file system in which nothing that it writes reaches the machine. Only the images are stood in for,
by what is installed here: see `images`.
"""
