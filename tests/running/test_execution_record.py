"""What `execution.json` says of a start: how many there were, and the epoch that this one goes on from."""

from ict.running.execute import _execution
from ict.store import Store
from tests.app import fixture_store


def test_a_start_says_from_which_epoch_it_goes_on(store: Store):
    run = fixture_store.add_run(store)
    how = {"threads": 1, "device": "cpu", "slots": 1}
    first = _execution(run, **how)[1]
    assert (first["starts"], first["resumed_epoch"]) == (1, 0)
    fixture_store.write(run.path / "execution.json", first)
    run.checkpoint_path.mkdir()
    fixture_store.write(run.state_epoch_path, {"epoch": 3})
    again = _execution(run, **how)[1]
    assert (again["starts"], again["resumed_epoch"]) == (2, 3)
