"""Which processors train in bfloat16 by default, and how many threads compute."""

import pytest

from ict import machine
from ict.errors import InputError
from ict.machine import choose_threads, fast_bf16


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


@pytest.mark.parametrize(
    ("environment", "asked", "slots", "threads"),
    [
        (None, None, 1, 8),  # all cores
        (None, None, 3, 2),  # shared by three runs
        (None, None, 100, 1),
        (None, 2, 1, 2),
        (None, 6, 2, 4),  # never more than the share
        ("3", None, 1, 3),
        ("3", None, 4, 2),
        ("3,2", None, 1, 3),  # OpenMP's list: of the outermost level
        ("64", None, 1, 8),
        ("3", 5, 1, 5),  # what is asked for goes before the environment
        ("", None, 1, 8),
        ("0", None, 1, 8),
        ("many", None, 1, 8),  # OpenMP passes over it, too
    ],
)
def test_threads_are_the_share_of_the_cores_within_the_limit(
    monkeypatch: pytest.MonkeyPatch,
    environment: str | None,
    asked: int | None,
    slots: int,
    threads: int,
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if environment is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
    chosen = choose_threads(asked, slots=slots, here=8)
    assert (chosen.count, chosen.note) == (threads, None)


@pytest.mark.parametrize(
    ("began_on", "device", "asked", "threads", "noted"),
    [
        ("cpu", "cpu", None, 4, False),  # a resume on eight cores keeps the four of its first start
        ("cpu", "cpu", 2, 4, True),  # also under a smaller limit, and says so
        ("cuda:0", "cuda:1", None, 4, False),
        (
            "cpu",
            "cuda:0",
            None,
            8,
            False,
        ),  # on another kind of device the numbers are others anyway
        ("cuda:0", "cpu", 2, 2, False),
    ],
)
def test_a_resumed_run_keeps_the_threads_of_its_first_start(
    began_on: str, device: str, asked: int | None, threads: int, noted: bool
):
    begun = {"threads": 4, "device": began_on}
    chosen = choose_threads(asked or 8, here=8, device=device, begun=begun)
    assert chosen.count == threads
    assert chosen.note == (
        "keeps the 4 threads of its first start, more than the 2 allowed now: with others its "
        "numbers would be others"
        if noted
        else None
    )


def test_no_threads_are_refused():
    with pytest.raises(InputError, match=r"threads=0: choose 1 or more"):
        choose_threads(0)


@pytest.mark.parametrize(
    ("asked", "begun", "chosen"),
    [
        (None, None, ("cuda:0", "cuda:1")),
        ("cpu", {"device": "cuda:0"}, ("cpu",)),
        (["cuda:1"], None, ("cuda:1",)),
        (None, {"device": "cuda:7"}, ("cuda:0", "cuda:1")),  # of a larger machine
        (None, {"device": "cpu"}, ("cpu",)),
        (None, {"device": "mps"}, ("cuda:0", "cuda:1")),  # of no kind that is here
        (None, {}, ("cuda:0", "cuda:1")),
    ],
)
def test_a_run_goes_where_it_is_asked_for_or_to_the_kind_of_device_it_began_on(
    asked, begun, chosen, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(machine, "devices", lambda: ("cuda:0", "cuda:1"))
    assert machine.choose_devices(asked, begun=begun) == chosen
