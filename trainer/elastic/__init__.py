"""Training by several workers: one model, whose weights do not tell how many there were.

Global batches are defined by the records, not by workers, and each worker has its own rows of
each. `ElasticLearner` adds up what the workers find: `by_worker` one gradient of each, equal to a
single worker's up to rounding; `by_partition` one gradient of each partition, equal bit for bit.
What is random per row is drawn for the whole batch (`draws`); metrics add up as plain numbers
(`states`); all decisions come of numbers that all workers have (`agreement`).
"""

from trainer.elastic.learner import Determinism, ElasticLearner

__all__ = ["Determinism", "ElasticLearner"]
