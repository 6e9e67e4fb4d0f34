"""What `bench/` measures with, and that it leaves nothing behind."""
