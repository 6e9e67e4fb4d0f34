"""Tasks that need no download: handwritten digits, and images drawn from formulas.

Every image is a pure function of (family, split, index), so nothing is stored and every machine
has the same bytes. `sprites_loc` and `sprites_ori` share a family: identical images, other labels,
which tells apart what is the task's and what is the images'. `noise` is no task: its classes mean
nothing, and its images are a control for what any images would choose.
"""

from ict.tasks.task import NOISE, Task

VERSION = 1  # part of the fingerprint: raise it when a byte of an image or a label changes

TRAIN, VAL, RENDERED_TEST = 800, 200, 1000
BINS = 16


def _sizes(test: int) -> dict[str, int]:
    return {"train800": TRAIN, "val200": VAL, "train800val200": TRAIN + VAL, "test": test}


def _rendered(name: str, title: str, classes: int, citation: str = "") -> Task:
    return Task(
        name=name,
        title=title,
        group="bundled",
        classes=classes,
        sizes=_sizes(RENDERED_TEST),
        source="rendered by ict.tasks.bundled",
        licence="Apache-2.0",
        citation=citation,
        official=True,
    )


_DSPRITES = "factors after dSprites (Matthey et al. 2017), bins after VTAB (arXiv 1910.04867)"
TASKS = {
    task.name: task
    for task in (
        Task(
            name="digits",
            title="Digits (8×8, scikit-learn)",
            group="bundled",
            classes=10,
            sizes=_sizes(797),
            source="scikit-learn load_digits (UCI Optical Recognition of Handwritten Digits)",
            licence="CC BY 4.0",
            citation="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (1998), UCI",
            official=True,
        ),
        _rendered("sprites_loc", "Sprites, x position", BINS, _DSPRITES),
        _rendered("sprites_ori", "Sprites, orientation", BINS, _DSPRITES),
        _rendered("count", "Count of objects, 1 to 8", 8),
    )
}
CONTROLS = {NOISE: _rendered(NOISE, "Noise (a control, no task)", 10)}
"""What channels can be scored on, and nothing trained."""
DRAWN = TASKS | CONTROLS
"""All whose images come with ict."""
FAMILIES = {"sprites_loc": "sprites", "sprites_ori": "sprites", "count": "count", NOISE: NOISE}


def image_names(name: str, split: str) -> tuple[str, ...]:
    """One name an image, the same wherever the same image comes: family, version, part, index."""
    sizes = DRAWN[name].sizes
    parts = ("train800", "val200") if split == "train800val200" else (split,)
    family = FAMILIES.get(name, name)
    return tuple(
        f"{family}@{VERSION} {part} {index}" for part in parts for index in range(sizes[part])
    )


def class_names(name: str) -> tuple[str, ...]:
    if name == "digits":
        return tuple(map(str, range(10)))
    if name == "count":
        return ("1 object", *(f"{n} objects" for n in range(2, 9)))
    if name == NOISE:
        return tuple(f"no class {n}" for n in range(10))
    quantity = "x" if name == "sprites_loc" else "orientation"
    return tuple(f"{quantity} bin {n}" for n in range(BINS))
