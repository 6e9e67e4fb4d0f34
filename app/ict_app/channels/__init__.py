"""Scores, choices and what single channels respond to."""
