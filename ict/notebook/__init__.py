"""What a notebook asks for by short names: data, models, runs, tables, pictures. Computes nothing itself."""
