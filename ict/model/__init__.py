"""The backbone and what is put on it: sites, adapters, folding. Needs torch; imports nothing by itself."""
