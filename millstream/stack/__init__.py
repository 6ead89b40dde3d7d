"""Real servers for one machine: an embedded Apache Kafka and a local MLflow, without Docker."""
