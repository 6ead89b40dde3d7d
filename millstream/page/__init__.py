"""The live page: a small server beside the service that reads nothing but its files.

It runs in a process of its own, so that viewers cost the trainer nothing, and so that a folder can
be looked at whose service has ended.
"""
