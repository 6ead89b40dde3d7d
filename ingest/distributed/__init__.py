"""One window, one sample and one order of training rows, over several workers.

Each worker reads its own partitions and keeps its own rows. What decides who is sampled and who is
in which batch are keys and identities, and only those are told to the others.
"""
