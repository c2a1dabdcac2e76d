"""Measuring steps beforehand is quick here: what is tested is what it says, not how exact it is."""

import pytest


@pytest.fixture(autouse=True, scope="package")
def _quick_measurements() -> object:
    from lineament.training.fitting import estimate

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimate, "PROBE_S", 0.0)
        patch.setattr(estimate, "PROBE_STEPS", 1)
        yield
