"""The causes that diagnosis can name, by what they are about.

Texts that are the same for every run, a `Cause` each:

    cause         the record
    actor         wiring, loss, and what becomes of the actor
    critic        what the critic is trained on and what it sees
    targets       TD targets and target networks
    data          rewards, terminal flags, actions and observations in the replay
    entropy       SAC's entropy term and temperature
    exploration   noise on the actions
    run           the run as a whole
"""

from __future__ import annotations

from collections.abc import Mapping

from gates.diagnosis.causes.actor import ACTOR
from gates.diagnosis.causes.cause import Cause
from gates.diagnosis.causes.critic import CRITIC
from gates.diagnosis.causes.data import DATA
from gates.diagnosis.causes.entropy import ENTROPY
from gates.diagnosis.causes.exploration import EXPLORATION
from gates.diagnosis.causes.run import RUN
from gates.diagnosis.causes.targets import TARGETS

CAUSES: Mapping[str, Cause] = {
    **ACTOR,
    **CRITIC,
    **TARGETS,
    **DATA,
    **ENTROPY,
    **EXPLORATION,
    **RUN,
}
"""By slug, the value of `diagnoses[].cause` in gate.json."""
