"""The work that is counted, in closed form."""

import pytest

from bench.peak import image_flops
from ict.catalogue import BUNDLED

D, DEPTH, PATCHES, CLASSES = 192, 12, 64, 100
T = PATCHES + 1


def products(tokens: int, queries: int) -> int:
    """Multiplications of a block: keys and values of all tokens, the rest for those that go on."""
    return 2 * tokens * D * D + queries * (2 * D * D + 8 * D * D + 2 * tokens * D)


def test_flop_of_a_forward_pass_by_hand():
    patches, head = PATCHES * 8 * 8 * 3 * D, D * CLASSES
    expected = 2 * (patches + DEPTH * products(T, T) + head)
    assert image_flops(BUNDLED)["forward"] == expected


def test_a_step_of_ict_is_nearly_two_forward_passes_and_one_of_full_tuning_nearly_three():
    """Two passes but for the last block, whose step needs the class token alone, and the adapters."""
    ict, full = (image_flops(BUNDLED, method) for method in ("ict", "full"))
    assert ict["step"] / ict["forward"] == pytest.approx(2, rel=0.08)
    assert full["step"] / full["forward"] == pytest.approx(3, rel=0.08)
