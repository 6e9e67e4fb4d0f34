"""What makes parts of the documentation: run by mkdocs, by tests, or by hand."""
