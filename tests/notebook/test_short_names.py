"""The short names of a notebook: what they give is what the package's own functions give."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import torch
from torch import nn

import ict
from ict.analysis.chance import chance
from ict.config import RunConfig
from ict.data import load_images, normalise
from ict.errors import IctError, InputError
from ict.figures import browser
from ict.selection import top_k
from ict.tasks import load_split
from tests.tiny_models import tiny_vit

RANDOM = np.random.default_rng(0)
A, B = (
    ict.ChannelScores(
        {
            "attn.0": RANDOM.random((2, 32)).astype("f4"),
            "attn.1": RANDOM.random((1, 64)).astype("f4"),
        },
        {"task": task, "criterion": "l2", "backbone": "tiny"},
    )
    for task in ("pets", "<b>cars</b>")
)


def test_overlap_counts_shared_channels_between_what_chance_shares():
    """0.1.0: `module 'ict' has no attribute 'overlap'`; a command compared files."""
    table = ict.overlap(A, B, ratio=0.25)
    assert table.k.tolist() == [8, 8, 16]
    rows = [
        (a, b)
        for site in zip(A.site("attn"), B.site("attn"), strict=True)
        for a, b in zip(*site, strict=True)
    ]
    for (one, other), row in zip(rows, table.itertuples(), strict=True):
        shared = set(top_k(one, row.k)) & set(top_k(other, row.k))
        assert row.overlap == len(shared)
        assert row.floor == chance(row.k, len(one)).mean == row.k**2 / len(one)
    assert (table.floor_low <= table.floor).all()
    assert (table.floor <= table.floor_high).all()
    assert set(zip(table.task_a, table.task_b, strict=True)) == {("pets", "<b>cars</b>")}
    assert ict.overlap(A, A).kuncheva.eq(1).all()


def test_scores_that_cannot_be_compared_are_one_sentence():
    narrow = ict.ChannelScores({"attn.0": np.ones((2, 32), "f4")})
    other = ict.ChannelScores(A.arrays, {"backbone": "huge"})
    for b, sentence in (
        (narrow, r"scores of 2 × 32 \+ 1 × 64 and of 2 × 32 channels are not compared"),
        (other, "scores of two backbones are not compared: tiny and huge"),
        (ict.select(A, k=2), "overlap needs two ChannelScores, not Selection"),
    ):
        with pytest.raises(InputError, match=sentence):
            ict.overlap(A, b)
    with pytest.raises(InputError, match="both k and ratio are given"):
        ict.overlap(A, B, k=3, ratio=0.5)


def test_a_plot_marks_the_selection():
    """0.1.0: `'ChannelScores' object has no attribute 'plot'`."""
    selection = ict.select(A, k=3)
    figure = A.plot(selection, view="rank")
    marked = {
        tuple(c[i] for i in (3, 2))
        for t in figure.data
        if t.type == "scatter"
        for c in (() if t.customdata is None else t.customdata)
    }
    assert {(b.block, i) for b in selection.blocks for i in b.indices} <= marked
    with pytest.raises(InputError, match="the selection is of site 'q', the scores of 'attn'"):
        A.plot(ict.Selection("q", selection.blocks), site="attn")
    short = ict.ChannelScores({"attn.0": np.ones((1, 32), "f4")})
    with pytest.raises(InputError, match="has block 1 of 32 channels, which these scores have not"):
        short.plot(selection)


def test_an_export_is_refused_before_it_draws(tmp_path):
    figure = A.plot()
    (tmp_path / "a.html").write_text("mine")
    for name, sentence in (
        ("a.gif", r"a.gif: end the name in one of pdf, svg, png, html, txt, json"),
        ("a.csv", r"`ict figure` writes csv and tex"),
        ("a.html", "exists; choose another name, or overwrite=True"),
    ):
        with pytest.raises(InputError, match=sentence):
            ict.export(figure, tmp_path / name)
    with pytest.raises(InputError, match="style 'letter': choose one of"):
        ict.export(figure, tmp_path / "b.json", style="letter")
    with pytest.raises(InputError, match="needs a Plotly figure, not 'str'"):
        ict.export("figure", tmp_path / "b.json")
    ict.export(figure, tmp_path / "a.html", overwrite=True)
    assert (
        "Plotly" in (tmp_path / "a.html").read_text()
        or "plotly" in (tmp_path / "a.html").read_text()
    )
    assert ict.export(go.Figure(), tmp_path / "b.txt").read_text().strip() == ""


def test_an_export_without_chrome_is_one_sentence(tmp_path, monkeypatch):
    def none(*_: object, **__: object) -> bytes:
        raise browser.NoChromeError("no Chrome was found")

    monkeypatch.setattr(browser.Drawing, "file", none)
    with pytest.raises(IctError, match="no Chrome was found"):
        ict.export(A.plot(), tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_short_html_of_scores_and_selections():
    """0.1.0 had no HTML of them: a notebook printed the repr."""
    html = B._repr_html_()
    assert "<td>attn</td><td>0</td><td>2</td><td>32</td>" in html
    assert "&lt;b&gt;cars&lt;/b&gt;" in html
    assert "<b>" not in html
    chosen = ict.select(B, k=[3, 5])._repr_html_()
    assert "<td>1</td><td>1</td><td>5 of 64</td>" in chosen
    assert len(chosen) < 1500


def test_a_loader_gives_the_pixels_of_the_model():
    """0.1.0: `module 'ict' has no attribute 'loader'`, nor 'backbone'."""
    model = ict.backbone("ict_tiny", weights="none", image_size=16, classes=10).to(torch.bfloat16)
    batches = ict.loader("digits", "val200", model, batch_size=64, limit=100)
    assert (len(batches), batches.classes, len(batches.class_names)) == (2, 10, 10)
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert (images.dtype, images.shape) == (torch.bfloat16, (100, 3, 16, 16))
    assert set(labels.tolist()) == set(range(10))
    whole = ict.loader("digits", "val200", model, batch_size=200)
    split = load_split("digits", "val200")
    ((images, labels),) = whole
    expected = normalise(load_images(split, 16), (0.5,) * 3, (0.5,) * 3, torch.bfloat16)
    assert torch.equal(images, expected)
    assert labels.tolist() == split.labels.tolist()
    shuffled = ict.loader("digits", "val200", model, batch_size=200, shuffle_seed=1)
    first, second = (next(iter(shuffled))[1] for _ in range(2))
    assert not torch.equal(first, second)
    assert sorted(first.tolist()) == sorted(labels.tolist())


def test_a_loader_says_what_it_needs():
    model = tiny_vit()
    model.pretrained_cfg = {}
    with pytest.raises(InputError, match=r"does not say which pixels it takes: make it with timm"):
        ict.loader("digits", "val200", model)
    with pytest.raises(InputError, match="batch_size=0: give a whole number of 1 or more"):
        ict.loader("digits", "val200", nn.Linear(2, 2), batch_size=0)
    with pytest.raises(InputError, match="no split 'valid'"):
        ict.loader("digits", "valid", ict.backbone(weights="none", image_size=16))


FIELDS = {"task": "digits", "method": "linear", "limit": 30, "image_size": 16, "weights": "none"}


def test_a_run_here_is_that_of_the_command_and_stands_in_the_table(tmp_path):
    """0.1.0: `module 'ict' has no attribute 'train'`, nor 'runs'."""
    assert ict.runs(store=tmp_path).empty
    run = ict.train(FIELDS, where="here", store=tmp_path)
    assert run.status() == "done"
    assert ict.train(FIELDS, store=tmp_path).id == run.id  # found, not started again
    table = ict.runs(store=tmp_path)
    assert isinstance(table, pd.DataFrame)
    assert table.run_id.tolist() == [run.id]
    assert table.test_accuracy[0] == run.result().test_accuracy
    assert len(ict.runs(store=tmp_path, task="digits")) == 1
    assert ict.runs(store=tmp_path, method="ict").empty
    with pytest.raises(InputError, match="no run has 'colour'; there are run_id"):
        ict.runs(store=tmp_path, colour="red")


def test_what_train_cannot_run_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"train needs a table of fields.*not RunConfig"):
        ict.train(RunConfig(task="digits"), store=tmp_path)
    with pytest.raises(InputError, match="where='there': choose one of detached, here"):
        ict.train(FIELDS, where="there", store=tmp_path)
    with pytest.raises(InputError, match="limit"):
        ict.train({**FIELDS, "limit": -1}, store=tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_detached_run_is_queued(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "ict.running.local.submit", lambda store, ids, **how: asked.append((ids, how))
    )
    run = ict.train(FIELDS, store=tmp_path)
    assert asked == [([run.id], {"device": None, "compile": None})]
