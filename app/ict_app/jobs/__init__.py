"""Commands that the app starts as jobs: the button, how it goes, the forms."""
