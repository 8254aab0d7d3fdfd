"""Fetch the vendored front-end files at the versions in the manifests, or check them.

    python static/vendor/update.py            rewrite every file and its sha256
    python static/vendor/update.py --check    compare every file with its sha256, offline

To take another version: edit `version` in the manifest, run the first, review the diff.
Packages come through the user's own npm, so its registry, proxy and cache settings apply.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MANIFESTS = (HERE / "manifest.json", HERE.parents[1] / "tests/e2e/vendor/manifest.json")

Package = dict[str, Any]


def strip_source_map(text: str) -> str:
    """Drop the comment that names a map that we don't ship: hashed storage would look for it."""
    return re.sub(r"\n?(//# sourceMappingURL=\S+|/\*# sourceMappingURL=\S+ \*/)\s*$", "\n", text)


def own_faces_only(text: str) -> str:
    """Keep the font faces of the two subsets that we ship."""
    faces = re.findall(r"@font-face \{.*?\n\}", text, re.DOTALL)
    return "\n".join(face for face in faces if re.search(r"inter-latin(-ext)?-wght", face)) + "\n"


def no_cdn(text: str) -> str:
    """Without `locateFile` the decoder would ask a CDN for its wasm: let it look beside itself."""
    changed, count = re.subn(r"`https://[^`$]+/dist/\$\{n\[1\]\}/\$\{e\}`", "t+e", text)
    if count != 1:
        raise SystemExit("The decoder's default address has moved: look at it again.")
    return changed


CHANGES: dict[str, Callable[[str], str]] = {
    "strip-source-map": strip_source_map,
    "own-faces-only": own_faces_only,
    "no-cdn": no_cdn,
}


def sprite(folder: Path, names: list[str]) -> str:
    """One SVG with a symbol per icon, for `<use href="icons.svg#name">`."""
    symbols = []
    for name in sorted(names):
        source = (folder / f"{name}.svg").read_text()
        box, inner = re.findall(r'viewBox="([^"]+)">(.*)</svg>', source, re.DOTALL)[0]
        shape = re.sub(r"\s*\n\s*", "", inner)
        symbols.append(f'<symbol id="{name}" viewBox="{box}" fill="currentColor">{shape}</symbol>')
    body = "\n".join(symbols)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>\n'


def content(package: Path, entry: Package) -> bytes:
    source: Path = package / entry["from"]
    if "symbols" in entry:
        return sprite(source, entry["symbols"]).encode()
    if "change" not in entry:
        return source.read_bytes()
    return CHANGES[entry["change"]](source.read_text()).encode()


def unpack(name: str, version: str, into: Path) -> Path:
    """The folder that holds `name@version`, packed by npm and its integrity checked by npm."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(into), f"{name}@{version}"]
    subprocess.run(command, check=True, cwd=into, stdout=subprocess.DEVNULL)
    with tarfile.open(next(into.glob("*.tgz"))) as archive:
        archive.extractall(into, filter="data")
    return into / "package"


def update(manifest: Path) -> None:
    packages: list[Package] = json.loads(manifest.read_text())["packages"]
    for package in packages:
        with tempfile.TemporaryDirectory() as scratch:
            folder = unpack(package["name"], package["version"], Path(scratch))
            for entry in package["files"]:
                data = content(folder, entry)
                target = manifest.parent / entry["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                entry["sha256"] = hashlib.sha256(data).hexdigest()
    manifest.write_text(json.dumps({"packages": packages}, indent=2) + "\n")


def faults(manifest: Path) -> Iterator[str]:
    """What differs between the manifest and the folder: changed, missing, unlisted."""
    root = manifest.parent
    listed = {manifest, HERE / "update.py"}
    for package in json.loads(manifest.read_text())["packages"]:
        for entry in package["files"]:
            path = root / entry["path"]
            listed.add(path)
            if not path.exists():
                yield f"{path}: missing"
            elif hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
                yield f"{path}: differs from {package['name']} {package['version']}"
    for path in sorted(root.rglob("*")):
        if path.is_file() and path not in listed and "__pycache__" not in path.parts:
            yield f"{path}: not in the manifest"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        sys.stderr.write(__doc__ or "")
        return 2
    present = [manifest for manifest in MANIFESTS if manifest.exists()]
    if not arguments:
        for manifest in present:
            update(manifest)
    found = [fault for manifest in present for fault in faults(manifest)]
    sys.stderr.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
