"""Which processors train in bfloat16 by default."""

import pytest

from ict.machine import fast_bf16


@pytest.mark.parametrize(
    ("cpuinfo", "architecture", "fast"),
    [
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16 amx_bf16 amx_tile", "x86_64", True),
        # A virtual machine that hides AMX: AVX512-BF16 alone is slower than float32 on Intel.
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16 avx512_fp16", "x86_64", False),
        ("vendor_id : AuthenticAMD\nflags : avx512f avx512_bf16", "x86_64", True),
        ("vendor_id : AuthenticAMD\nflags : fma avx2", "x86_64", False),
        ("Features : fp asimd asimdhp bf16 i8mm", "aarch64", True),
        ("Features : fp asimd asimdhp", "aarch64", False),
        ("", "x86_64", False),
    ],
)
def test_bfloat16_is_the_default_where_it_is_faster(
    cpuinfo: str, architecture: str, fast: bool
) -> None:
    assert fast_bf16(cpuinfo, architecture) is fast
