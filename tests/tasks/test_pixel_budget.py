"""`PixelBudget`: the bound on pixels in flight over all threads."""

import threading
import time

import pytest

from ict.tasks import pixels
from ict.tasks.pixels import PixelBudget


def test_threads_hold_no_more_pixels_together_than_the_budget():
    budget = PixelBudget(100)
    most, lock = [0], threading.Lock()

    def work(pixels: int) -> None:
        with budget.hold(pixels):
            with lock:
                most[0] = max(most[0], budget.held)
            time.sleep(0.002)

    threads = [threading.Thread(target=work, args=(30 + n % 3,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 60 <= most[0] <= 100
    assert budget.held == 0


def test_an_image_beyond_the_budget_is_held_alone_and_freed_after_an_error():
    budget = PixelBudget(10)
    with pytest.raises(RuntimeError), budget.hold(50):
        raise RuntimeError
    with budget.hold(50):
        waiting = threading.Thread(target=lambda: budget.hold(1).__enter__())
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()


def test_loading_holds_the_pixels_of_what_is_being_resized(tmp_path, monkeypatch):
    from ict.data import load_images
    from ict.tasks import load_split
    from tests.vtab_layout import make_task

    make_task(tmp_path / "birds", train=20)
    split = load_split("birds", "train800", root=tmp_path)
    alone = load_images(split, 8, workers=1)
    seen = []

    class Seen(PixelBudget):
        def hold(self, count):
            seen.append(count)
            return super().hold(count)

    tight = Seen(120)  # one image of 12 × 10 at a time
    monkeypatch.setattr(pixels, "BUDGET", tight)
    assert (load_images(split, 8, workers=8) == alone).all()
    assert seen == [120] * 20
    assert tight.held == 0
