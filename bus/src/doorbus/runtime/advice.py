"""What to do when there is no connection, in the words of the settings."""

from collections.abc import Mapping

from doorbus.runtime.settings import CommonSettings
from doorbus.wire.packet import (
    CertificateRefused,
    ConnectionLost,
    NoAnswer,
    NotAuthorized,
    SubscriptionRefused,
    TlsFailed,
    Unreachable,
)

_WAYS_OUT: Mapping[type[BaseException], str] = {
    Unreachable: "is it running? DOORBUS_BROKER__HOST and DOORBUS_BROKER__PORT say where it is",
    CertificateRefused: "DOORBUS_BROKER__TLS_CA must be the site's ca.crt, DOORBUS_BROKER__HOST a name in the "
    "certificate (doorbus secrets --name adds one), and the clock right",
    TlsFailed: "is DOORBUS_BROKER__PORT that of the TLS listener?",
    NoAnswer: "perhaps it speaks TLS; set DOORBUS_BROKER__TLS=true",
    SubscriptionRefused: "do its access rules allow it?",
    ConnectionLost: "is it running?",
}


def way_out(lost: ConnectionLost, settings: CommonSettings, role: str) -> str:
    """The way out for who came as `role`, to follow what `lost` says."""
    if isinstance(lost, NotAuthorized):
        return _about_the_password(settings, role)
    if isinstance(lost, NoAnswer) and settings.broker.tls:
        return "does it ask for a certificate, DOORBUS_BROKER__TLS_CERT, and does it speak MQTT?"
    return next(_WAYS_OUT[kind] for kind in type(lost).__mro__ if kind in _WAYS_OUT)


def _about_the_password(settings: CommonSettings, role: str) -> str:
    user, path = settings.broker.username or role, settings.password_path(role)
    if settings.broker.password is not None:
        return f"it does not take DOORBUS_BROKER__PASSWORD as the password of {user}"
    if settings.password(role) is None:
        return (
            f"there is no password: {path} does not exist, DOORBUS_VAR says where it would be and "
            "DOORBUS_BROKER__PASSWORD sets it"
        )
    return f"it does not take what {path} holds as the password of {user}"
