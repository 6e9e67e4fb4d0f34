"""A run's id, and which stored configurations ran otherwise than they say."""

from collections.abc import Mapping
from typing import Any

from ict.config.record import ONE_FOR_ZERO, RunConfig
from ict.criteria import CRITERION
from ict.documents.identity import digest, name_of


def run_id(config: RunConfig) -> str:
    """Readable prefix and 12 hex digits of the SHA-256 of the configuration's canonical JSON."""
    k = "-k" + "_".join(map(str, sorted(set(config.k)))) if isinstance(config.k, tuple) else ""
    control = f"-{config.criterion}" if config.criterion not in (None, CRITERION) else ""
    prefix = f"{config.task}-{config.backbone}-{config.method}{k}{control}"
    return name_of(prefix, digest(config.to_dict()))


def ran_otherwise(config: Mapping[str, Any]) -> str | None:
    """Where a stored configuration is of version 0.1.0, which ran a 0 of it as something else: how.

    None for every other. Such a run is kept and listed, and what is asked for now has another id.
    """
    if config.get("zeros") is not None:
        return None
    ran = [f"{name}=0 ran as 1 under 0.1.0" for name in ONE_FOR_ZERO if _is_zero(config.get(name))]
    if _warms_up_to_zero(config):
        ran.append("lr=0 ran with a warm-up from 1e-6 under 0.1.0")
    return "; ".join(ran) or None


def _warms_up_to_zero(config: Mapping[str, Any]) -> bool:
    epochs = config.get("warmup_epochs")
    warms_up = isinstance(epochs, (int, float)) and epochs > 0
    return warms_up and _is_zero(config.get("lr"))


def _is_zero(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0
