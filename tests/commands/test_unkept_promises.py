"""doctor names what should be gone and is not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from config.schema import Config
from pipeline.commands.unkept_promises import unkept_promises
from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_photos import enroll_people


def test_each_is_a_line_with_what_to_run(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        enroll_people(store, [("Ann Lee", 1), ("Bob", 2)])
        assert unkept_promises(Config(), tmp_path, store) == []
        store.set_person(store.find("Bob").id, retain_until=datetime(2020, 1, 1, tzinfo=UTC))
        ann = store.find("Ann Lee").id
    file = tmp_path / "b.backup"
    assert main(["backup", str(file), "--data", str(tmp_path)]) == 0
    file.unlink()
    assert main(["people", "forget", "Ann Lee", "--yes", "--no-scan", "--data", str(tmp_path)]) == 3
    with Store(tmp_path) as store:
        unfinished, backup, past = unkept_promises(Config(), tmp_path, store)
    assert unfinished == f"{ann} is not erased everywhere; run: people forget {ann}"
    assert backup.startswith(f"backup {file} is not there")
    assert past == "1 person is kept past their date; run: expire"
