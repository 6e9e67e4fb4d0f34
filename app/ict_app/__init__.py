"""What the pages share: readers with caches, controls whose state is in the URL, words."""
