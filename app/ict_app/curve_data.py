"""What tells runs apart, and their curves: as exports have it. Nothing here knows streamlit."""

from ict.figures.curves import smoothed
from ict.figures.labels import WORDS, labels

__all__ = ["WORDS", "labels", "smoothed"]
