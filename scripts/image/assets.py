"""Puts the files of a manifest into an image: from what the checkout has already, else fetched.

`python assets.py MANIFEST GIVEN INTO GROUP...`: GIVEN is a directory that may hold some of the files. npm is installed
only when a missing file comes with it. Standard library only; ends with 1 and a sentence for each file that is not to
be had.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from doorbus.assets import AssetError, AssetList, digest, fetch


def main(manifest: Path, given: Path, into: Path, groups: list[str]) -> int:
    """Copy, fetch, and say what came from where; the exit status."""
    try:
        wanted = AssetList.load(manifest).selected(groups)
        for asset in wanted:
            source = given / asset.name
            if source.is_file() and digest(source) == asset.sha256:
                (into / asset.name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, into / asset.name)
        missing = [asset.sources[0].package for asset in wanted if not (into / asset.name).is_file()]
        if any(package is not None and package.registry == "npm" for package in missing) and not shutil.which("npm"):
            subprocess.run(["apt-get", "-qq", "update"], check=True)
            subprocess.run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "npm"], check=True)
        fetch(manifest, into, groups=groups, say=print)
    except (AssetError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
