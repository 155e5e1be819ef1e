"""An encoder whose output is 0 for every picture is a NO_GO, also when everything else looks fine."""

import numpy as np
import pytest

from gates.findings import Outcome, Verdict
from tests.gates.diagnosis.test_diagnose import judge
from tests.gates.synthetic_runs import Recipe, Run, make


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("who", ["actor", "critic"])
def test_a_dead_encoder_is_a_no_go(who: str, own: bool) -> None:
    def dies(run: Run) -> None:
        features = np.full(len(run.steps), 5.0)
        features[len(features) // 3 :] = 0.0
        run.set(f"features/{who}_cnn_l2", features)

    result = judge(make(Recipe(own=own), dies))
    assert result.verdict is Verdict.NO_GO
    failed = [f.check for f in result.findings if f.outcome is Outcome.FAIL]
    assert f"{who}_encoder_alive" in failed


def test_a_run_without_a_camera_is_not_asked_for_an_encoder() -> None:
    def blind(run: Run) -> None:
        for tag in [tag for tag in run.tags if "cnn" in tag or "encoder" in tag]:
            del run.tags[tag]

    result = judge(make(Recipe(), blind))
    assert not [f for f in result.findings if f.check.endswith("_encoder_alive")]
