#!/usr/bin/env python3
"""Says which functions of the ABI no step of the common scenario reaches; 1 if there is one."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
SCENARIO = HERE.parent.parent / "tests" / "bindings" / "scenario"

# Functions that belong to a step of another name: lists, options, and the queue below its steps.
BELONG_TO = {
    "options_create": "model_load",
    "options_set_i64": "model_load",
    "options_set_f64": "request_create",
    "options_set_str": "model_load",
    "options_release": "model_load",
    "options_key_count": "options_keys",
    "options_key_info": "options_keys",
    "runtime_plugin_count": "runtime_plugin",
    "runtime_plugin_info": "runtime_plugin",
    "runtime_device_count": "runtime_device",
    "runtime_device_info": "runtime_device",
    "request_set_options": "request_create",
    "queue_poll": "queue_drain",
}


def verbs():
    """The verbs that the files of the scenario use."""
    found = set()
    for path in SCENARIO.glob("*.txt"):
        for line in path.read_text(encoding="ascii").splitlines():
            words = line.split()
            if words and words[0] != "#":
                found.add(words[2] if words[0] == "error" else words[0])
    return found


def main():
    used = verbs()
    missing = []
    for function in json.loads((HERE / "api.json").read_text(encoding="utf-8"))["functions"]:
        verb = function["name"][len("skein_") :]
        verb = (
            "release"
            if verb.endswith("_release") and verb not in BELONG_TO
            else BELONG_TO.get(verb, verb)
        )
        if verb not in used:
            missing.append(function["name"])
    for name in missing:
        print(f"{name}: no step of tests/bindings/scenario calls it")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
