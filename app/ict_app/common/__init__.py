"""What every page uses: frame, controls, plots, words, readers of the store."""
