"""The operations of a manager: definitions, instances, conversations, stateless tasks, batches and records."""
