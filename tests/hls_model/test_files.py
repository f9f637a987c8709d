"""Atomic writes: a whole file or none."""

from __future__ import annotations

import errno

import pytest

from spikeloom.hls_model.errors import ArtefactError
from spikeloom.hls_model.files import write_atomically


def test_file_appears_whole_in_a_new_folder(tmp_path):
    path = tmp_path / "a" / "b" / "file.bin"
    with write_atomically(path) as file:
        file.write(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_interrupted_writes_leave_the_old_file(tmp_path, error):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def interrupted():
        with write_atomically(path) as file:
            file.write(b"half of the new")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk(tmp_path):
    path = tmp_path / "file.bin"
    with (
        pytest.raises(
            ArtefactError,
            match=r"file\.bin cannot be written: No space left on device; choose another --out or "
            "free the disk",
        ),
        write_atomically(path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(ArtefactError, match=r"cannot be written: (File exists|Not a directory)"),
        write_atomically(tmp_path / "file" / "out.bin"),
    ):
        pass
