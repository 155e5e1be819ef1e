"""Let a Prefect server tell Slack, an e-mail address or any webhook how gates end.

python notify.py webhook https://example.org/hook --on NO_GO,CONDITIONAL,broken
python notify.py slack https://hooks.slack.com/services/...
python notify.py email ada@example.org --sender gonogo@example.org     (SendGrid; its key in SENDGRID_API_KEY)
python notify.py list
python notify.py remove

PREFECT_API_URL names the server: the address that `gonogo serve` prints, with /api behind it.
"""

from __future__ import annotations

import argparse
import os
import sys
import urllib.parse
from datetime import timedelta

from prefect.automations import Automation
from prefect.blocks.core import Block
from prefect.blocks.notifications import SendgridEmail, SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events.actions import CallWebhook, SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture

VERDICTS = ("GO", "CONDITIONAL", "NO_GO")
GATES = ("gonogo.gate.verdict", "gonogo.gate.waits", "gonogo.seeds.verdict")
# A verdict names its state, so these two are left for what broke.
BROKEN = ("prefect.flow-run.Failed", "prefect.flow-run.Crashed")
NAME = "gonogo"
# Text of a run may hold quotes and braces: tojson keeps it data.
BODY = """{
  "event": {{ event.event | tojson }},
  "subject": {{ event.resource.name | tojson }},
  "verdict": {{ event.payload.verdict | tojson }},
  "deciding": {{ event.payload.deciding | tojson }},
  "folder": {{ event.payload.folder | tojson }},
  "occurred": {{ event.occurred.isoformat() | tojson }}
}"""
BODY_BROKEN = """{
  "event": {{ event.event | tojson }},
  "subject": {{ event.resource.name | tojson }},
  "verdict": null,
  "deciding": "It broke; see the run's page.",
  "folder": null,
  "occurred": {{ event.occurred.isoformat() | tojson }}
}"""


def main() -> int:
    """Create, list or remove automations whose names begin with `gonogo`."""
    asked = arguments()
    if asked.how == "list":
        print("\n".join(automation.name for automation in ours()) or "none")
        return 0
    if asked.how == "remove":
        for automation in ours():
            automation.delete()
            print(f"removed {automation.name}")
        return 0
    on = [word.strip() for word in asked.on.split(",")]
    unknown = sorted(set(on) - {*VERDICTS, "broken"})
    if unknown:
        print(f"--on {unknown[0]}: must be of {', '.join(VERDICTS)}, broken", file=sys.stderr)
        return 2
    block = receiver(asked)
    where = block.save(f"{NAME}-{asked.how}", overwrite=True)
    verdicts = [word for word in on if word != "broken"]
    if verdicts:
        trigger = EventTrigger(
            expect=set(GATES),
            match={"prefect.resource.id": "gonogo.stage.*", "gonogo.verdict": verdicts},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        )
        create(f"{NAME}: {', '.join(verdicts)} by {asked.how}", trigger, where, asked.how, BODY)
    if "broken" in on:
        trigger = EventTrigger(
            expect=set(BROKEN), posture=Posture.Reactive, threshold=1, within=timedelta(0)
        )
        create(f"{NAME}: broken by {asked.how}", trigger, where, asked.how, BODY_BROKEN)
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("how", choices=["webhook", "slack", "email", "list", "remove"])
    parser.add_argument("to", nargs="?", default="", help="URL or e-mail address")
    parser.add_argument("--on", default="NO_GO,CONDITIONAL,broken", help="verdicts, and `broken`")
    parser.add_argument("--sender", default="", help="of e-mails, verified at SendGrid")
    asked = parser.parse_args()
    if asked.how in ("webhook", "slack") and urllib.parse.urlsplit(asked.to).scheme[:4] != "http":
        parser.error(f"{asked.how} needs a URL")
    if asked.how == "email" and not (
        asked.to and asked.sender and "SENDGRID_API_KEY" in os.environ
    ):
        parser.error("email needs an address, --sender and SENDGRID_API_KEY")
    return asked


def receiver(asked: argparse.Namespace) -> Block:
    """Return the block that keeps the address; the server stores it encrypted."""
    if asked.how == "webhook":
        return Webhook(url=asked.to, headers={"Content-Type": "application/json"})
    if asked.how == "slack":
        return SlackWebhook(url=asked.to)
    return SendgridEmail(
        api_key=os.environ["SENDGRID_API_KEY"], sender_email=asked.sender, to_emails=[asked.to]
    )


def create(name: str, trigger: EventTrigger, block: object, how: str, body: str) -> None:
    """Create an automation in place of one of the same name."""
    for old in ours():
        if old.name == name:
            old.delete()
    if how == "webhook":
        action: CallWebhook | SendNotification = CallWebhook(block_document_id=block, payload=body)
    else:
        action = SendNotification(
            block_document_id=block,
            subject="{{ event.payload.verdict or 'Broken' }}: {{ event.resource.name }}",
            body="{{ event.payload.deciding or 'See the page of the run.' }}\n{{ event.payload.folder }}",
        )
    Automation(name=name, trigger=trigger, actions=[action], enabled=True).create()
    print(f"created {name}")


def ours() -> list[Automation]:
    """Return the automations that this program made."""
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/automations/filter", json={"limit": 200}).json()
    return [
        Automation.model_validate(item) for item in found if item["name"].startswith(f"{NAME}: ")
    ]


if __name__ == "__main__":
    sys.exit(main())
