"""The way to the broker that the settings name."""

from doorbus.runtime.mqtt import MqttTransport
from doorbus.runtime.settings import CommonSettings


def transport(settings: CommonSettings, role: str) -> MqttTransport:
    """The way to the broker as the user of the settings, else as `role`; raises `SetupError` for files of no use.

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
