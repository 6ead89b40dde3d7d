"""What the walks through Avro and Protobuf share."""
