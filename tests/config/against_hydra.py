#!/usr/bin/env python3
"""Composes the project in tests/data/config with both programs and compares the results key by key.

    tests/config/against_hydra.py --chitu build/release/bin/chitu     # needs hydra-core in this Python
    tests/config/against_hydra.py --record                            # rewrites tests/data/config/project.json

Prints each command line that differs; exit status 1 then, 77 (skipped) without hydra-core. What --record writes is what
the tests hold chitu's answers against where there is no hydra-core.
"""
import argparse
import itertools
import json
import math
import os
import pathlib
import subprocess
import sys
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREE = ROOT / "tests/data/config/project"
SINGLE = ["model=large", "sampler=heun", "sampler/noise=pink", "experiment=big", "experiment=typo", "seed=3", "+new.key=[1,2]",
          "++size.width=96", "~tags", "tags=[a,'b c']", "title='${model.layers}'", "+model@other=large", "size={width: 5}",
          "server@servers.web=local", "+server@servers.api=local", "prompt=a\\,b", "~sampler", "nothing=1", "model=none",
          "size.area=null", "+extra='${oc.env:CHITU_PROJECT_WHO,none}'", "sampler.steps=???", "sampler.noise.kind=blue"]
SWEEPS = [["seed=1,2", "model=small,large"], ["seed=range(0,3)", "+x=choice(a,'b c')"], ["model=glob(*)"],
          ["size.width=sort(3,1,2)", "title='x,y'"], ["experiment=big,typo", "~tags"]]


def encode(value):
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, dict):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, list):
        return [encode(v) for v in value]
    return value


def differences(ours, theirs, key=""):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if list(ours) != list(theirs):
            yield f"{key or 'root'}: keys {list(ours)} against {list(theirs)}"
        for name in ours:
            if name in theirs:
                yield from differences(ours[name], theirs[name], f"{key}.{name}".lstrip("."))
    elif type(ours) is not type(theirs) or ours != theirs:
        yield f"{key}: {ours!r} against {theirs!r}"


def chitu_config(chitu, *arguments):
    command = [chitu, "config", "--config-dir", str(TREE), "--config-name", "config", "--format", "json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def hydra_config(overrides):
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(TREE)):
            return encode(OmegaConf.to_container(compose("config", overrides=overrides), resolve=True))
    except Exception:  # whatever Hydra refuses, for whatever reason
        return None


def hydra_jobs(overrides):
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(overrides)
    if any("glob" in text for text in overrides):
        from hydra._internal.config_loader_impl import ConfigLoaderImpl
        from hydra._internal.utils import create_config_search_path

        loader = ConfigLoaderImpl(create_config_search_path(str(TREE)))
        for item in parsed:
            item.config_loader = loader
    return BasicSweeper.split_arguments(parsed, None)[0]


def command_lines():
    yield []
    for text in SINGLE:
        yield [text]
    for pair in itertools.combinations(SINGLE, 2):
        yield list(pair)


def record():
    cases = [{"overrides": overrides, "config": hydra_config(overrides)} for overrides in command_lines()]
    cases += [{"overrides": overrides, "jobs": [list(job) for job in hydra_jobs(overrides)]} for overrides in SWEEPS]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
    (ROOT / "tests/data/config/project.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(cases)} command lines recorded")


def compare(chitu):
    failed = 0
    for overrides in command_lines():
        ours, theirs = chitu_config(chitu, "--resolve", *overrides), hydra_config(overrides)
        if (ours is None) != (theirs is None):
            found = [f"only {'hydra' if ours is None else 'chitu'} accepts it"]
        else:
            found = list(differences(ours, theirs))
        if found:
            failed += 1
            print(" ".join(overrides), *found, sep="\n  ")
    for overrides in SWEEPS:
        ours, theirs = chitu_config(chitu, "--multirun", *overrides), hydra_jobs(overrides)
        if ours != theirs:
            failed += 1
            print(" ".join(overrides), ours, theirs, sep="\n  ")
    print(f"{len(list(command_lines())) + len(SWEEPS)} command lines, {failed} differ")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--chitu", help="the command to compare")
    what.add_argument("--record", action="store_true")
    options = parser.parse_args()
    os.environ["CHITU_PROJECT_WHO"] = "someone"
    try:
        import hydra  # noqa: F401
    except ImportError:
        print("skipped: no hydra-core")
        sys.exit(77)
    warnings.simplefilter("ignore")
    sys.exit(record() if options.record else compare(options.chitu))


if __name__ == "__main__":
    main()
