"""Numbers in words: one minus sign, ranges that collapse, K/D as a fraction, bytes in binary units."""

import pytest

from ict.documents.number_words import byte_words, number_words, range_words, share_words


def test_ranges_have_a_real_minus_sign_and_collapse_where_both_ends_read_alike() -> None:
    assert range_words(-3.37, -2.07, "+.2f") == "−3.37 to −2.07"
    assert range_words(85, 100, ".0f", "%") == "85 to 100 %"
    assert range_words(99.6, 100.2, ".0f", "%") == "100 %"
    assert number_words(-0.5, ".1f") == "−0.5"


@pytest.mark.parametrize("parts", [2, 3, 8, 32, 64, 768])
def test_shares_are_fractions(parts: int) -> None:
    assert share_words(1 / parts) == f"1/{parts}"


def test_a_share_that_is_no_such_fraction_stays_a_number() -> None:
    assert [share_words(r) for r in (1.0, 0.75, 24 / 192, 0.0)] == ["1", "0.75", "1/8", "0"]


def test_bytes_never_fall_into_powers_of_ten() -> None:
    assert byte_words(1020 * 2**20) == "1020 MiB"
    assert byte_words(1.5 * 2**30) == "1.5 GiB"
    assert byte_words(812_000_000) == "774 MiB"
    assert byte_words(1023) == "1023 B"
    assert all("e" not in byte_words(2.0**power) for power in range(60))
