"""Values that applications and connectors share."""
