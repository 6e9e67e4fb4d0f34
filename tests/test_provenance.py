"""What cannot be told is None with a note, and never a failure."""

from importlib import metadata

import pytest

from ict import provenance


def no_metadata(name: str) -> str:
    raise metadata.PackageNotFoundError(name)


@pytest.mark.parametrize("version", [no_metadata, lambda name: None, lambda name: 1 / 0])
def test_a_version_that_cannot_be_told(monkeypatch, version):
    monkeypatch.setattr(metadata, "version", version)
    notes: list[str] = []
    versions = provenance.package_versions(notes)
    assert {versions[name] for name in provenance.PACKAGES} == {None}
    assert versions["python"]
    assert len(notes) == len(provenance.PACKAGES)
    assert notes[0].startswith("version of ict is not known (")


def test_versions_are_those_of_the_installation():
    notes: list[str] = []
    assert provenance.package_versions(notes)["torch"] == metadata.version("torch")
    assert notes == []


def test_memory_and_name_of_a_device_that_does_not_answer(monkeypatch):
    def refuse(_device):
        raise RuntimeError("CUDA driver is gone\nand more")

    monkeypatch.setattr("torch.cuda.max_memory_allocated", refuse)
    monkeypatch.setattr("torch.cuda.get_device_name", refuse)
    notes: list[str] = []
    assert provenance.peak_memory_bytes("cuda:99", notes) is None
    assert provenance.device_name("cuda:99", notes) is None
    assert [note.split(" is not")[0] for note in notes] == ["peak memory", "name of the device"]
    assert notes[0].endswith("(RuntimeError: CUDA driver is gone)")
    assert provenance.peak_memory_bytes("cpu", notes) > 2**20
    assert provenance.device_name("cpu", notes)
    assert len(notes) == 2


def test_a_processor_that_cannot_be_read(monkeypatch):
    def refuse(self, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(provenance.Path, "read_text", refuse)
    notes: list[str] = []
    assert provenance.device_name("cpu", notes) is None
    assert "PermissionError" in notes[0]
