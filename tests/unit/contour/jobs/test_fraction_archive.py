from contour.jobs.fraction_archive import read_member, write_archive

FILES = (("structures.dcm", b"\0DICM" * 100), ("drift.json", b"{}"), ("report.png", b""))


def test_the_same_files_give_the_same_bytes(tmp_path):
    told = [write_archive(tmp_path / name, FILES) for name in ("a", "b")]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert told[0] == told[1]
    assert [one.size_bytes for one in told[0]] == [len(data) for _, data in FILES]


def test_a_file_is_read_from_any_place_to_its_end(tmp_path):
    write_archive(tmp_path / "a", FILES)
    for name, data in FILES:
        for offset in {0, min(7, len(data)), len(data)}:
            chunks = list(read_member(tmp_path / "a", name, offset_bytes=offset, chunk_bytes=64))
            assert b"".join(chunks) == data[offset:]
            assert len(chunks) >= 1
