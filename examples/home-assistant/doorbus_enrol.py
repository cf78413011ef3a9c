"""Sends a picture of a person to let in, and removes the picture. For shell_command.doorbus_enrol of Home Assistant.

python3 doorbus_enrol.py --host BROKER --password-file FILE PERSON PICTURE

It needs only what Home Assistant brings along. The password in FILE is that of the broker's user `homeassistant`.
"""

import argparse
from pathlib import Path

from paho.mqtt import publish


def main() -> None:
    """Send, then remove."""
    parser = argparse.ArgumentParser(description="Send a picture of a person to let in.")
    parser.add_argument("person", help="id of the person")
    parser.add_argument("picture", type=Path, help="JPEG file; removed when it is sent")
    parser.add_argument("--host", default="127.0.0.1", help="host name or address of the broker")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--tls-ca", help="CA certificate (PEM) of the broker; plain MQTT without it")
    parser.add_argument("--user", default="homeassistant")
    parser.add_argument("--password-file", type=Path, required=True, help="file with the user's password on one line")
    parser.add_argument("--root", default="doorbus/v1", help="what all topics begin with")
    given = parser.parse_args()
    publish.single(
        f"{given.root}/person/{given.person}/enrol",
        given.picture.read_bytes(),
        qos=1,
        hostname=given.host,
        port=given.port,
        auth={"username": given.user, "password": given.password_file.read_text().strip()},
        tls={"ca_certs": given.tls_ca} if given.tls_ca else None,
    )
    given.picture.unlink()


if __name__ == "__main__":
    main()
