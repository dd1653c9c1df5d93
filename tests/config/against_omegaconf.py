#!/usr/bin/env python3
"""Prints and reads generated strings as YAML with both programs and compares byte for byte.

    tests/config/against_omegaconf.py --chitu build/release/bin/chitu [--seed 1] [--count 800]   # needs omegaconf
    tests/config/against_omegaconf.py --record                  # rewrites tests/data/config/omegaconf_yaml.json

Every string stands as a value, in a list, in a list in a map, and as a key. Prints what differs; exit status 1 then,
77 (skipped) without omegaconf. What --record writes is what the tests hold chitu's YAML against where there is none.
"""
import argparse
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORD = ROOT / "tests/data/config/omegaconf_yaml.json"
CASES = """2024-01-02|2024-1-2|2001-12-14t21:59:43.10-05:00|2001-12-14 21:59:43.10 -5|2001-12-15 2:59:43.10|12:30:45|1:30
190:20:30.15|0x1F|0b101|017|0o17|1_000|+12|1e3|1E+3|.5|-.5|+.5|5.|.inf|-.inf|.NAN|nan|Infinity|yes|No|on|OFF|y|N|True|tRue
~|null|NULL|nUll|None|<<|=|?|:|-|--|---|...|--- a|a#b|a #b|a:b|a: b|a:|:a|? a|- a|-a|*a|&a|!a|@a|`a|%a|,a|[a|{a|a]|>a|'a
"a|a,b|a, b|0|-0|08|1__0|1_|_1|0_|1:60|60:60|==|1e|12e03|1_0.5|1._5|4_.6|-696_.|2001-01-01T00:00:00Z|18446744073709551615
9999999999999999999999|1e400|é|漢字|😀|４２|١٢|'|''|it's "x"|\\|a\\b""".replace("\n", "|").split("|")
CASES += ["", "|a", " ", "a ", " a", "a  b", "\t", "a\tb", "\n", "a\nb", "a\n", "\na", "a\n\nb", "a\n b", "a \nb", "\r", "a\r\nb",
          "\x07", "\x1b", "\x7f", "\u00a0", "\ufeff", "\ud7ff", "\ue000", "\ufffd", "x" * 130,
          "the quick brown fox jumps over the lazy dog, " * 4, "it's: the quick brown fox # jumps over the lazy dog " * 3,
          "tab\tquick brown fox jumps over 漢字 \x07\x07 the lazy dog " * 4]
ALPHABET = "0123456789+-._:eExbniafINTtZz ~=<>?#,[]{}'\"\\&*!|%@`yYoOtrulsé\n\t漢😀$"


def random_string(r):
    kind = r.random()
    if kind < 0.3:
        return "".join(r.choice("0123456789_.+-eE:xb") for _ in range(r.randint(1, 9)))
    if kind < 0.45:
        text = r.choice(CASES)
        at = r.randint(0, len(text))
        return text[:at] + r.choice(ALPHABET) + text[at:]
    if kind < 0.55:
        return "%s-%s-%s%s" % (r.choice(["2024", "1", "0000"]), r.choice(["1", "01", "13"]), r.choice(["2", "02", "032"]),
                               r.choice(["", " 1:2:3", "T01:02:03", "t1:02:03.5", " 01:02:03 Z", "T01:02:03+01:30"]))
    if kind < 0.8:
        return "".join(r.choice(ALPHABET) for _ in range(r.randint(1, 12)))
    words = ("".join(r.choice("abc:#'\"é漢-\n") for _ in range(r.randint(0, 9))) for _ in range(r.randint(2, 30)))
    return " ".join(words)


def quoted(text):
    """The text between double quotes, every unusual character escaped."""
    return '"' + "".join(c if 32 <= ord(c) < 127 and c not in '"\\' else "\\U%08x" % ord(c) for c in text) + '"'


# A form of a document that holds one string: the object, and the YAML that chitu reads.
FORMS = {"value": (lambda s: {"k": s}, lambda q: f"k: {q}\n"), "item": (lambda s: [s], lambda q: f"- {q}\n"),
         "nested": (lambda s: [{"m": [s]}], lambda q: f"- m:\n  - {q}\n"), "key": (lambda s: {s: 1}, lambda q: f"? {q}\n: 1\n")}


def theirs(form, text):
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(FORMS[form][0](text)))


def record():
    rows = [{"text": text, **{form: theirs(form, text) for form in FORMS}} for text in CASES]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    RECORD.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(rows)} strings recorded")


class Chitu:
    def __init__(self, command):
        self.command = command
        self.file = pathlib.Path(tempfile.mkdtemp()) / "document.yaml"

    def run(self, yaml, *flags):
        self.file.write_text(yaml, encoding="utf-8", newline="")
        done = subprocess.run([self.command, "config", "--file", str(self.file), *flags], capture_output=True)
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def written_otherwise(chitu, texts):
    """Many strings a process; one by one where a whole differs."""
    from omegaconf import OmegaConf

    for form, (make, yaml) in FORMS.items():
        for at in range(0, len(texts), 100):
            some = texts[at:at + 100]
            document = "".join(yaml(quoted(text)).replace("k:", f"k{i}:", 1) if form == "value" else yaml(quoted(text))
                               for i, text in enumerate(some))
            whole = {f"k{i}": text for i, text in enumerate(some)} if form == "value" else make(some[0])
            for text in some[1:] if form != "value" else []:
                whole = {**whole, **make(text)} if form == "key" else whole + make(text)
            if chitu.run(document) == OmegaConf.to_yaml(OmegaConf.create(whole)):
                continue
            for text in some:
                ours = chitu.run(yaml(quoted(text)))
                if ours != theirs(form, text):
                    yield f"{form} {text!r}\n  omegaconf {theirs(form, text)!r}\n  chitu     {ours!r}"


def is_plain(text):
    import yaml

    try:
        events = list(yaml.parse(f"k: {text}\n"))
    except yaml.YAMLError:
        return False
    scalars = [event for event in events if isinstance(event, yaml.ScalarEvent)]
    return len(events) == 8 and len(scalars) == 2 and scalars[1].style is None and scalars[1].value == text


def read_otherwise(chitu, texts):
    import yaml
    from omegaconf._utils import get_yaml_loader

    for text in filter(is_plain, texts):
        try:
            value = yaml.load(f"k: {text}", Loader=get_yaml_loader())["k"]
        except (ValueError, yaml.YAMLError):
            continue  # such as the number 0b_ and the merge key
        if isinstance(value, int) and not isinstance(value, bool) and not -2**63 <= value < 2**64:
            continue
        if isinstance(value, float) and not math.isfinite(value):
            value = {"$float": str(value)}
        found = chitu.run(f"k: {text}\n", "--format", "json")
        ours = json.loads(found)["k"] if found else None
        if type(ours) is not type(value) or ours != value:
            yield f"plain {text!r}: omegaconf {value!r}, chitu {ours!r}"


def compare(options):
    r = random.Random(options.seed)
    texts = dict.fromkeys(CASES + [random_string(r) for _ in range(options.count)])
    # chitu escapes the line breaks of Unicode, which other readers do not take for such.
    texts = [text for text in texts if "${" not in text and text != "???" and not set(text) & set("\u0085\u2028\u2029")]
    chitu = Chitu(options.chitu)
    found = [*written_otherwise(chitu, texts), *read_otherwise(chitu, texts[:len(CASES) + options.count // 4])]
    print(*found[:40], f"{len(texts)} strings, {len(found)} differ", sep="\n")
    return 1 if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--chitu", help="the command to compare")
    what.add_argument("--record", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=800, help="of random strings")
    options = parser.parse_args()
    try:
        import omegaconf  # noqa: F401
    except ImportError:
        print("skipped: no omegaconf")
        sys.exit(77)
    sys.exit(record() if options.record else compare(options))


if __name__ == "__main__":
    main()
