"""A model in four parts, on four devices: trained from Kafka, checkpointed, exported whole."""
