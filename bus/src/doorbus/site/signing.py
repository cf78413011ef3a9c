"""The keys of a site that sign, on disk: a secret one for each role that signs, and one file with the public ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes

from doorbus.files import put
from doorbus.wire.channels import Role
from doorbus.wire.ed25519 import SecretKey
from doorbus.wire.keyfiles import SIGNERS, PublicKeys, public_keys_text, read_key, read_public_keys

Write = Callable[[Path, str], None]


@dataclass(frozen=True)
class SigningKeys:
    """`secret` is the directory of the secret keys, ROLE.key; `public` the file of the public ones.

    Every method raises `OSError`, or `ValueError` for a file that is not what it should be.
    """

    secret: Path
    public: Path
    write: Write = put

    def make(self) -> Iterator[Role]:
        """Make a key for each role of which there is no public one; yields the roles.

        A public key without its secret one is left alone: that is kept elsewhere, or is another site's.
        """
        known = self._known()
        for role in SIGNERS:
            if role not in known:
                known = {**known, role: (self._key(role).public,)}
                self.write(self.public, public_keys_text(known))
                yield role

    def replace(self, role: Role) -> None:
        """Make a new secret key; the public one before it counts, too, until `finish`."""
        known = self._known()
        seed = token_bytes(32)
        keys = (SecretKey(seed).public, *known.get(role, ())[:1])
        self.write(self.public, public_keys_text({**known, role: keys}))  # first: what is signed must be believed
        self.write(self.path(role), seed.hex() + "\n")

    def finish(self, role: Role) -> None:
        """Let no other public key of the role count than that of its secret one."""
        newest = SecretKey(read_key(self.path(role))).public
        self.write(self.public, public_keys_text({**self._known(), role: (newest,)}))

    def forget_those_without_a_secret(self) -> None:
        """Strike out the public keys of roles whose secret one is not there, so that `make` makes both."""
        known = self._known()
        left = {role: keys for role, keys in known.items() if self.path(role).exists()}
        if left != known:
            self.write(self.public, public_keys_text(left))

    def replaced(self) -> Iterator[Role]:
        """The roles of which a former key still counts."""
        known = self._known()
        yield from (role for role in SIGNERS if len(known.get(role, ())) > 1)

    def path(self, role: Role) -> Path:
        """Where the secret key of a role is."""
        return self.secret / f"{role}.key"

    def _known(self) -> PublicKeys:
        return read_public_keys(self.public) if self.public.exists() else {}

    def _key(self, role: Role) -> SecretKey:
        path = self.path(role)
        if not path.exists():
            self.write(path, token_bytes(32).hex() + "\n")
        return SecretKey(read_key(path))
