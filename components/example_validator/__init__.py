"""ExampleValidator: hold the statistics against a reviewed schema and stop the run before it trains on bad data."""
