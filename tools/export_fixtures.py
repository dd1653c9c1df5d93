#!/usr/bin/env python3
"""Writes the reference data of the tests: what diffusers and its relatives compute on tiny random models.

    python3 tools/export_fixtures.py                    everything, into tests/data
    python3 tools/export_fixtures.py --only vae umt5    some of the exporters
    python3 tools/export_fixtures.py --list             their names, and what each one says of itself

Each module of tools/fixtures with a function `export(out_dir)` is one exporter; it writes below out_dir and is a
function of fixed seeds alone. Run it in a Python with tools/requirements.txt installed; other versions may round
otherwise, so a warning names those that differ.
"""

import argparse
import importlib
import importlib.metadata
import os
import pathlib
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tools" / "fixtures"
LIMIT_BYTES = 5_000_000  # every clone has them


def find_exporters():
    """Name and module of every exporter, in the order of their names."""
    sys.path.insert(0, str(FIXTURES))
    names = sorted(path.stem for path in FIXTURES.glob("*.py") if not path.stem.startswith("_"))
    modules = {name: importlib.import_module(name) for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "export")}


def warn_of_other_versions():
    for line in (ROOT / "tools" / "requirements.txt").read_text().splitlines():
        package, _, wanted = line.partition("==")
        if line.startswith("#") or not wanted:
            continue
        try:
            found = importlib.metadata.version(package).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            found = "absent"
        if found != wanted:
            print(f"warning: {package} is {found}, the committed data was made with {wanted}", file=sys.stderr)


def total_bytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests" / "data")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="exporters to run")
    parser.add_argument("--list", action="store_true", help="name the exporters and end")
    options = parser.parse_args()

    warn_of_other_versions()
    exporters = find_exporters()
    unknown = set(options.only or ()) - set(exporters)
    if unknown:
        parser.error(f"no exporter {', '.join(sorted(unknown))}; there are {', '.join(exporters)}")
    for name, module in exporters.items():
        if options.list:
            print(f"{name:16}{(module.__doc__ or '').strip().partition(chr(10))[0]}")
        elif not options.only or name in options.only:
            print(f"exporting {name}", flush=True)
            module.export(options.out)
    if options.list:
        return
    size = total_bytes(options.out)
    print(f"{options.out} holds {size / 1e6:.2f} MB of at most {LIMIT_BYTES / 1e6:.0f}")
    if size > LIMIT_BYTES:
        sys.exit("error: the reference data outgrew its limit; make the new fixtures smaller")


if __name__ == "__main__":
    main()
