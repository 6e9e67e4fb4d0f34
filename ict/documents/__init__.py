"""What others wrote, as text and files: bounded numbers, typed records, tensor files, and the ids of what we write."""
