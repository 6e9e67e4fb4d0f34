"""Where the pages lie, and what the navigation calls them. Nothing here knows streamlit."""

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
SECTIONS: dict[str, Sequence[tuple[str, str, str]]] = {
    "Tune": (
        ("train", "Train", "play_arrow"),
        ("run", "Run", "monitoring"),
        ("curves", "Curves", "show_chart"),
        ("predictions", "Predictions", "checklist"),
    ),
    "Channels": (
        ("channels", "Channels", "grid_on"),
        ("criteria", "Criteria", "compare_arrows"),
        ("overlap", "Overlap", "join_inner"),
        ("transfer", "Transfer", "swap_horiz"),
        ("inspect", "Inspect", "frame_inspect"),
    ),
    "Studies": (
        ("compare", "Compare", "balance"),
        ("ablation", "Ablation", "stacked_line_chart"),
        ("benchmark", "Benchmark", "leaderboard"),
    ),
    "Results": (("export", "Figures", "picture_as_pdf"), ("data", "Data", "database")),
}
"""Name of the file, title and icon of each page, by section."""


def path(name: str) -> str:
    """Absolute path of a page, for links and switches."""
    return str(ROOT / "pages" / f"{name}.py")


def name_of(title: str) -> str:
    """The page that the navigation calls so."""
    return next(name for pages in SECTIONS.values() for name, called, _ in pages if called == title)
