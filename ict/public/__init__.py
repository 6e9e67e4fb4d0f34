"""Which names are public and where they live: faces of packages, and old names that go on working."""
