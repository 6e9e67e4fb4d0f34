"""Tasks of one's own images: class folders, tables and parquet files become lists in the store."""
