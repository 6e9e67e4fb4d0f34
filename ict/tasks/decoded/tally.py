"""How many images of a piece of work were decoded, and how many came from the cache."""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counted while images are read."""

    decoded: int = 0
    cached: int = 0
    notes: list[str] = field(default_factory=list)
    """What is wrong with the cache, each sentence once."""
    left_out: list[str] = field(default_factory=list)
    """What does not fit into it."""

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def leave_out(self, sentence: str) -> None:
        if sentence not in self.left_out:
            self.left_out.append(sentence)

    def said(self) -> str:
        """Such as "2,000 images from the cache, 0 decoded"."""
        counts = f"{self.cached:,} images from the cache, {self.decoded:,} decoded"
        return "; ".join([counts, *self.left_out])
