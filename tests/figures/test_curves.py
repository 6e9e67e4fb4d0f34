"""Curves: along epochs, steps and time; smoothed without bias; within limits; coloured by a field."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ict.errors import InputError
from ict.figures import training_curves
from ict.figures.asked import Choice, Request
from ict.figures.curve_view import CurveView, axis_range, limits, smoothed_values
from ict.figures.epoch_curves import Curve
from ict.figures.field_colours import field_colours
from ict.figures.from_store import request_bundle
from ict.store import Store
from ict.store.epoch_rows import as_epochs
from tests import figure_store

VALUES = st.lists(st.floats(-10, 10), min_size=1, max_size=12)


@given(VALUES, st.floats(0.01, 0.99))
def test_smoothing_is_the_mean_of_what_was_with_falling_weights(values, weight):
    """Divided by the sum of the weights, the sum is the same number as the recursion without bias."""
    found = smoothed_values(values, weight)
    for t in range(len(values)):
        weights = weight ** np.arange(t, -1, -1.0)
        expected = (weights * values[: t + 1]).sum() / weights.sum()
        assert found[t] == pytest.approx(expected, abs=1e-9)


def test_smoothing_keeps_a_constant_passes_over_gaps_and_is_off_at_0():
    assert smoothed_values([3.0] * 5, 0.9) == pytest.approx([3.0] * 5)
    gap = smoothed_values([1.0, None, 2.0], 0.5)
    assert np.isnan(gap[1])
    assert gap[2] == smoothed_values([1.0, 2.0], 0.5)[1]
    assert smoothed_values([1.0, 2.0], 0.0).tolist() == [1.0, 2.0]
    assert smoothed_values([1.0, 2.0, 3.0, 4.0], 2).tolist() == [1.0, 1.5, 2.5, 3.5]


def lines(*losses: float, seconds: float = 2.0, steps: int | None = None) -> list[dict]:
    written = [{"steps": steps * e} if steps else {} for e in range(1, len(losses) + 1)]
    return [
        {"epoch": e, "train_loss": loss, "seconds": seconds, **more}
        for (e, loss), more in zip(enumerate(losses, 1), written, strict=True)
    ]


def curve(*losses: float, seed: int = 1, **more) -> Curve:
    how = {name: more.pop(name) for name in ("seconds", "steps") if name in more}
    return Curve("ict", seed, as_epochs(lines(*losses, **how)), **more)


def mean_of(figure):
    return next(trace for trace in figure.data if trace.line.width == 2)


def test_x_is_the_epoch_the_steps_so_far_or_the_seconds_so_far():
    run = curve(3, 2, 1, steps=7)
    assert [run.at(x).tolist() for x in ("epoch", "step", "time")] == [
        [1, 2, 3], [7, 14, 21], [2, 4, 6],
    ]  # fmt: skip
    older = Curve("ict", 1, as_epochs(lines(3, 2)), steps=25)
    assert older.at("step").tolist() == [25, 50]
    assert np.isnan(Curve("ict", 1, as_epochs(lines(3, 2))).at("step")).all()


def test_a_mean_is_of_one_epoch_at_the_mean_time_of_its_seeds():
    slow, quick = curve(3, 2, seed=1, seconds=4.0), curve(5, 4, seed=2, seconds=2.0)
    drawn = mean_of(training_curves([slow, quick], "train_loss", view=CurveView(x="time")))
    assert list(drawn.x) == [3, 6]
    assert list(drawn.y) == [4, 3]


def test_behind_a_smoothed_line_stands_what_was_measured():
    figure = training_curves([curve(4, 2)], "train_loss", view=CurveView(smooth=0.5))
    thin = next(trace for trace in figure.data if trace.line.width == 0.8)
    assert list(thin.y) == [4, 2]
    assert mean_of(figure).y == pytest.approx([4, (0.5 * 4 + 2) / 1.5])


def test_a_zoom_stays_while_epochs_arrive_and_goes_with_other_axes():
    def kept(run: Curve, **view) -> str:
        return training_curves([run], "train_loss", view=CurveView(**view)).layout.uirevision

    assert kept(curve(4, 3)) == kept(curve(4, 3, 2, 1))
    others = [kept(curve(4, 3), **view) for view in ({"x": "time"}, {"log": True})]
    assert len({kept(curve(4, 3)), *others}) == 3


def test_limits_are_read_and_are_exponents_on_a_logarithmic_axis():
    assert limits("0:10", "x") == (0, 10)
    assert limits(" :2.5", "x") == (None, 2.5)
    assert limits("", "x") == limits(None, "x") == (None, None)
    assert axis_range((None, None), log=False) is None
    assert axis_range((0.01, 100), log=True) == [-2, 2]
    assert axis_range((0, 100), log=True) == [None, 2]
    for odd in ("5", "a:b", "3:1", "1:1", "nan:"):
        with pytest.raises(InputError, match=r"^y limits '"):
            limits(odd, "y")


def grey(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_quantities_grow_lighter_and_names_have_a_dash_of_their_own():
    rates = field_colours("lr", [0.001, 0.1, 0.01, None])
    lightness = [grey(rates.looks[value].colour) for value in (0.001, 0.01, 0.1)]
    assert lightness == sorted(lightness)
    assert lightness[1] - lightness[0] == pytest.approx(lightness[2] - lightness[1], rel=0.4)
    assert rates.bar["colorbar"]["ticktext"] == ["0.001", "0.01", "0.1"]
    names = field_colours("seed", [42, 44, 82, 100])
    assert names.bar is None
    assert len({(one.colour, one.dash) for one in names.looks.values()}) == 4
    assert len({one.dash for one in names.looks.values()}) == 4


def test_colours_by_a_field_are_in_the_legend_once_and_part_the_runs_of_a_label():
    runs = [
        Curve(label, seed, as_epochs(lines(3, 2)), value=seed)
        for label in ("a", "b") for seed in (1, 2)
    ]  # fmt: skip
    figure = training_curves(runs, "train_loss", colour="seed")
    named = [trace.name for trace in figure.data if trace.showlegend]
    assert named == ["seed 1", "seed 2"]
    assert len([trace for trace in figure.data if trace.line.width == 2]) == 4


def test_a_command_draws_it_and_the_table_has_both_what_was_measured_and_what_is_drawn(tmp_path):
    store = Store(tmp_path / "store")
    figure_store.filled(store)
    asked = Choice(metric="train_loss", x="time", smooth=0.6, colour="seed", ylim="0:3", log=True)
    found = request_bundle(Request("curves", [], asked), store)
    assert list(found.table.columns) == [
        "label", "seed", "epoch", "seconds", "train_loss", "train_loss_smoothed",
    ]  # fmt: skip
    one = found.table.iloc[:3]
    assert one["train_loss_smoothed"].tolist() == pytest.approx(
        smoothed_values(one["train_loss"], 0.6).tolist()
    )
    assert found.figure.layout.yaxis.range == (None, np.log10(3))
    plain = request_bundle(Request("curves", [], Choice(metric="train_loss")), store)
    assert found.summary.equals(plain.summary)  # of what was measured
    with pytest.raises(InputError, match="no run behind these sources has written train loss at a"):
        request_bundle(Request("curves", [], Choice(metric="train_loss", x="step")), store)
    with pytest.raises(InputError, match=r"no field 'sede' to colour by; did you mean 'seed'"):
        request_bundle(Request("curves", [], Choice(colour="sede")), store)
