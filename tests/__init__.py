"""Tests: the folders of `ict/`, and what users are promised."""
