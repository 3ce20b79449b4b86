"""People in and out: exported files, and imports that go on where they were."""
