"""Names of score files: task, criterion, and what tells each from the others."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ict.analysis.score_names import score_names
from ict.documents.score_record import ScoreRecord


def record(score_id: str, **fields: object) -> ScoreRecord:
    said = {"score_id": score_id, "task": "digits", "criterion": "class_l2", "sites": ["attn"],
            "backbone": "ict_tiny", "images": 800, "tokens": "patch"}  # fmt: skip
    return ScoreRecord.of({**said, **fields})


def names(*records: ScoreRecord) -> list[str]:
    return list(score_names(records).values())


def test_a_name_says_tokens_site_or_images_where_only_they_differ() -> None:
    plain = record("a")
    assert names(plain) == ["digits · class_l2"]
    assert names(plain, record("b", tokens="cls")) == [
        "digits · class_l2 · patch tokens", "digits · class_l2 · cls tokens",
    ]  # fmt: skip
    assert names(plain, record("b", sites=["block"])) == [
        "digits · class_l2 · site attn", "digits · class_l2 · site block",
    ]  # fmt: skip
    assert names(plain, record("b", images=200))[1] == "digits · class_l2 · 200 images"
    assert names(plain, record("b", criterion="l2")) == ["digits · class_l2", "digits · l2"]


def test_a_file_that_does_not_say_its_tokens_read_patch_tokens() -> None:
    assert names(record("a"), record("b-abcdef", tokens=None)) == [
        "digits · class_l2 · a", "digits · class_l2 · abcdef",
    ]  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.fixed_dictionaries({
    "task": st.sampled_from(["digits", "count"]),
    "tokens": st.sampled_from(["patch", "cls", None]),
    "images": st.sampled_from([200, 800]),
    "sites": st.sampled_from([["attn"], ["attn", "block"]]),
    "backbone": st.sampled_from(["ict_tiny", "vit_small"]),
}), min_size=1, max_size=9))  # fmt: skip
def test_names_differ_wherever_files_do(files: list[dict[str, object]]) -> None:
    records = [record(f"score-{i:06d}", **fields) for i, fields in enumerate(files)]
    found = score_names(records)
    assert len(set(found.values())) == len(records)
    assert score_names(records[::-1]) == found
