"""What is said in a container names commands and files of the machine where compose.yaml is."""

import pytest

from doorbus.runtime.words import here

CONTAINER = {
    "DOORBUS_CALLED": "docker compose run --rm doorbus",
    "DOORBUS_SECRETS": "./var/secrets",
    "DOORBUS_BROKER__USERNAME": "recognizer",
}
EITHER = "var/secrets/users/recognizer (or DOORBUS_BROKER__PASSWORD, where an override sets it)"


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("is the enroller running? doorbus doctor", "is the enroller running? docker compose run --rm doorbus doctor"),
        ("start it, or doorbus forget capture/yard", "start it, or scripts/forget capture/yard"),
        ("doorbus key rotate goes on;", "scripts/key rotate goes on;"),
        ("erase it: doorbus recordings erase 7", "erase it: docker compose run --rm admin recordings erase 7"),
        (
            "damaged; doorbus restore FILE sets it aside",
            'damaged; docker compose run --rm -v "$PWD:/backup" --user "$(id -u)" admin restore FILE sets it aside',
        ),
        (
            "no such token; doorbus-console tokens lists them",
            "no such token; docker compose exec console python -m doorbus_console tokens lists them",
        ),
        (
            "the file var/console/first-account holds the one that is, if there is one",
            "make up names the one that is, if there is one",
        ),
        ("(doorbus secrets add --instance)", "(scripts/secrets add --instance)"),
        (
            "it does not take what /run/secrets/doorbus_broker__password holds as the password of recognizer",
            "it does not take what var/secrets/users/recognizer holds as the password of recognizer",
        ),
        (
            "it does not take DOORBUS_BROKER__PASSWORD as the password of recognizer",
            f"it does not take {EITHER} as the password of recognizer",
        ),
        (
            "DOORBUS_SIGNING_KEY_FILE=/run/secrets/signing.key:",
            "DOORBUS_SIGNING_KEY_FILE=var/secrets/signing/recognizer.key:",
        ),
        ("TLS_CERT=/run/secrets/client.crt: damaged", "TLS_CERT=var/secrets/clients/recognizer.crt: damaged"),
        (
            "/run/settings/doorbus_capture__password: denied",
            "var/secrets/settings/recognizer/doorbus_capture__password: denied",
        ),
        ("/var/lib/doorbus/credentials/operator is missing", "var/secrets/users/operator is missing"),
        ("start it (make up, make run or its unit does) and", "start it (make up does) and"),
        (
            "doorbus secrets makes the keys of a site, make run those of a local run; see",
            "scripts/secrets makes the keys of a site; see",
        ),
        (
            "SITE_KEY_FILE=/run/secrets/site.key: gone; make one with: openssl rand -hex 32 > /run/secrets/site.key",
            "SITE_KEY_FILE=var/secrets/site.key: gone; scripts/secrets makes one for a new site",
        ),
    ],
)
def test_a_sentence_fits_where_its_reader_stands(said: str, there: str) -> None:
    assert here(said, {}) == said
    assert here(said, CONTAINER) == there
