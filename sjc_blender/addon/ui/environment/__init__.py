"""The engine's environment: its panel, its buttons and the report about faults."""
