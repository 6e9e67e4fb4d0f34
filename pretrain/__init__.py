"""Pre-training of the bundled backbone on synthetic images; nothing else imports this package."""
