"""Every parser of what comes from outside, fed with junk and with valid files that were changed once."""
