"""The way to the broker that the settings name."""

from doorbus.runtime.mqtt import MqttTransport
from doorbus.runtime.settings import CommonSettings


def transport(settings: CommonSettings, role: str) -> MqttTransport:
    """To the broker as the user that the settings name, else as `role`; raises `SetupError` for files of no use.

    The password is asked for at every connect, because its file may come later.
    """
    broker = settings.broker
    return MqttTransport(
        broker.host,
        broker.port,
        username=broker.username or role,
        password=lambda: settings.password(role),
        tls=broker.tls_context(),
        keepalive=broker.keepalive_seconds,
    )
