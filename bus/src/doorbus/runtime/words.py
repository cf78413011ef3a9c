"""Sentences in the words of the place where their reader stands. Pure.

A container knows files and commands of its own; who reads what it says stands beside compose.yaml, which tells it what
they are called there: `DOORBUS_CALLED`, the command doorbus, and `DOORBUS_SECRETS`, the directory of the secrets.
"""

import re
from collections.abc import Mapping

CALLED = "DOORBUS_CALLED"
SECRETS = "DOORBUS_SECRETS"
_COMMANDS = re.compile(
    r"\bdoorbus (?=(calibrate|doctor|enrol|group|homeassistant|import|journal|lock|lockdown|people"
    r"|remove|schedule|unlock|update|watch)\b)"
)
_ADMIN = re.compile(r"\bdoorbus (?=(key|recordings)\b)")
_FILES = re.compile(r"\bdoorbus (?=(export|restore)\b)")
_SCRIPTS = re.compile(r"\bdoorbus (?=(forget|key rotate|secrets)\b)")
_CONSOLE = re.compile(r"\bdoorbus-console (?=(link|revoke|tokens?)\b)")
_LINK = re.compile(r"\bthe file var/console/first-account holds (?=the one that is\b)")
_STARTED = re.compile(r"\bmake up, make run or its unit does\b")
_LOCAL = re.compile(r", make run those of a local run\b")
_NEW_KEY = re.compile(r"\bmake one with: openssl rand -hex 32 > \S+")


def here(text: str, environment: Mapping[str, str]) -> str:
    """A sentence with commands and files as they are called where its reader stands."""
    called = environment.get(CALLED, "doorbus")
    if called == "doorbus":
        return text
    user = environment.get("DOORBUS_BROKER__USERNAME", "")
    secrets = environment.get(SECRETS, "var/secrets").removeprefix("./")
    for path, name in (
        (r"/run/secrets/doorbus_broker__password\b", f"{secrets}/users/{user}"),
        (r"/run/secrets/signing\.key\b", f"{secrets}/signing/{user}.key"),
        (r"/run/secrets/client\.(crt|key)\b", rf"{secrets}/clients/{user}.\1"),
        (r"/run/secrets/", f"{secrets}/"),
        (r"/run/settings/", f"{secrets}/settings/{user}/"),
        (r"\S*/credentials/(?=[a-z])", f"{secrets}/users/"),
    ):
        text = re.sub(path, name, text)
    whose = f"as the password of {user}"
    either = f"{secrets}/users/{user} (or DOORBUS_BROKER__PASSWORD, where an override sets it)"
    text = text.replace(f"DOORBUS_BROKER__PASSWORD {whose}", f"{either} {whose}")
    text = _NEW_KEY.sub("scripts/secrets makes one for a new site", text)
    text = _LOCAL.sub("", _STARTED.sub("make up does", text))
    text = _CONSOLE.sub(f"{called.partition(' run ')[0]} exec console python -m doorbus_console ", text)
    text = _LINK.sub("make up names ", text)
    run = called.rpartition(" ")[0]
    text = _COMMANDS.sub(f"{called} ", _SCRIPTS.sub("scripts/", text))
    return _ADMIN.sub(f"{run} admin ", _FILES.sub(f'{run} -v "$PWD:/backup" --user "$(id -u)" admin ', text))
