"""Options that are fields of a run: type, limits and help are those of the field."""

from typing import Any, Final

import click

from ict.cli.common import NUMBER, Whole
from ict.config import ABOUT, SHOWN_DEFAULTS, TYPES

BACKBONE: Final = click.option("--backbone", default=SHOWN_DEFAULTS["backbone"], show_default=True)


class _OfField(click.Option):
    """An option for a field; what other packages add to its choices is looked up for its help alone."""

    def __init__(self, *names: Any, field: str, **more: Any) -> None:
        super().__init__(*names, **more)
        self.field = field

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        one, default = ABOUT[self.field], SHOWN_DEFAULTS[self.field]
        self.help = one.help
        if one.choices:
            self.help += f" One of {', '.join(map(str, one.all_choices))}."
        if default is not None:
            self.help += f"  [default: {default}]"
        return super().get_help_record(ctx)


def of_field(name: str, flag: str | None = None, **more: Any) -> Any:
    """An option for the field `name` of a run, with its type, limits and help; its default is None."""
    one, options = ABOUT[name], TYPES[name]
    if int in options and name != "k":
        more.setdefault("type", Whole(int(one.limits[0]), int(one.limits[1])))
    elif float in options:
        more.setdefault("type", NUMBER)
    return click.option(flag or f"--{name.replace('_', '-')}", cls=_OfField, field=name, **more)


IMAGE_SIZE: Final = of_field("image_size")
_NORMALISATION: Final = click.Choice(ABOUT["pixel_normalisation"].choices)
PIXELS: Final = of_field(
    "pixel_normalisation", type=_NORMALISATION, default=SHOWN_DEFAULTS["pixel_normalisation"]
)
PIXELS_OF_RUN: Final = of_field("pixel_normalisation", type=_NORMALISATION)
"""Without a default: a run's own, where one is named."""
