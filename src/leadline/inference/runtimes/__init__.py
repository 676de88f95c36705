"""What runs a network: one file per runtime, and the catalog that knows them by name."""
