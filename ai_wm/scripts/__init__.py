"""What scripts see of worker management: access to definitions, instances, conversations and records under a policy."""
