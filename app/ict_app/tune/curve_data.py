"""What tells runs apart, and their curves: as exports have it. Nothing here knows streamlit."""

from ict.figures.curves import smoothed
from ict.figures.labels import labels

__all__ = ["labels", "smoothed"]
