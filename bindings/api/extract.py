#!/usr/bin/env python3
"""Writes the C ABI as data: bindings/api/api.json, from the headers and from the library.

extract.py --library LIBSKEIN [--check]   writes the file, or compares it: 1 if it differs

Needs Python 3.9 or newer, a C compiler (CC, or cc) for the sizes of structs, and the built library
for its list of options. README.md beside this file says what is in the JSON.
"""

import argparse
import ctypes
import difflib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import headers
import roles

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent.parent / "sdk" / "include"
SYMBOLS = HERE.parent.parent / "tests" / "abi" / "symbols.txt"
RESULT = HERE / "api.json"
OPTION_TYPES = {1: "i64", 2: "f64", 3: "str"}


def host_headers():
    """The headers of the host's ABI, in the order in which skein.h includes them."""
    text = (INCLUDE / "skein" / "skein.h").read_text(encoding="utf-8")
    return re.findall(r'#include "skein/(\w+\.h)"', text)


def layout_program(declarations):
    """A C program that prints the values of all constants and the places of all fields."""
    lines = [
        "#include <stddef.h>",
        "#include <stdio.h>",
        '#include "skein/skein.h"',
        "int main(void) {",
    ]
    for constant in declarations.constants:
        lines.append(f'  printf("constant {constant.name} %lld\\n", (long long)({constant.name}));')
    for struct in declarations.structs:
        lines.append(
            f'  printf("struct {struct.name} %zu %zu\\n", '
            f"sizeof({struct.name}), _Alignof({struct.name}));"
        )
        for field in struct.fields:
            place = (
                f"offsetof({struct.name}, {field.name}), sizeof((({struct.name}*)0)->{field.name})"
            )
            lines.append(f'  printf("field {struct.name}.{field.name} %zu %zu\\n", {place});')
    return "\n".join(lines + ["  return 0;", "}", ""])


def layouts(declarations):
    """The values and places that a C compiler sees, by name."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder) / "layout.c", pathlib.Path(folder) / "layout"
        source.write_text(layout_program(declarations), encoding="utf-8")
        command = [
            os.environ.get("CC", "cc"),
            "-std=c11",
            f"-I{INCLUDE}",
            str(source),
            "-o",
            str(program),
        ]
        subprocess.run(command, check=True)
        output = subprocess.run(
            [str(program)], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
    rows = [line.split() for line in output.splitlines()]
    return {row[1]: [int(number) for number in row[2:]] for row in rows}


def constant_groups(constants):
    """Constants of one group with the beginning that their names share, such as SKEIN_EVENT_."""
    groups = {}
    for constant in constants:
        groups.setdefault((constant.header, constant.group), []).append(constant.name)
    beginnings = {}
    for names in groups.values():
        beginning = os.path.commonprefix(names)
        beginning = beginning[: beginning.rfind("_") + 1] if len(names) > 1 else ""
        beginnings.update({name: beginning for name in names})
    return beginnings


def constant_rows(declarations, places):
    beginnings = constant_groups(declarations.constants)
    return [
        {
            "name": constant.name,
            "value": places[constant.name][0],
            "group": beginnings[constant.name],
            "header": constant.header,
            "doc": constant.doc,
        }
        for constant in declarations.constants
    ]


def struct_rows(declarations, places):
    rows = []
    for struct in declarations.structs:
        fields = roles.fields(struct, declarations)
        for row, field in zip(fields, struct.fields):
            offset, size = places[f"{struct.name}.{field.name}"]
            row.update({"offset": offset, "size": size})
            if field.array:
                row["array"] = places[field.array][0] if field.array in places else int(field.array)
        size, align = places[struct.name]
        rows.append(
            {
                "name": struct.name,
                "header": struct.header,
                "doc": struct.doc,
                "size": size,
                "align": align,
                "sized": struct.fields[0].name == "struct_size",
                "fields": fields,
            }
        )
    return rows


def function_rows(declarations):
    rows = []
    for function in declarations.functions:
        row = {
            "name": function.name,
            "header": function.header,
            "doc": function.doc,
            "returns": function.returns,
            "parameters": roles.parameters(function, declarations),
        }
        if function.returns.endswith("*"):
            row["owner"] = "library"  # such a text lives for ever
        rows.append(row)
    return rows


class OptionInfo(ctypes.Structure):
    """skein_option_info of skein/options.h."""

    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("key", ctypes.c_char * 48),
        ("default_value", ctypes.c_char * 64),
        ("help", ctypes.c_char * 256),
        ("min_value", ctypes.c_double),
        ("max_value", ctypes.c_double),
    ]


def library_keys(library, kind):
    """The keys of a kind as the library lists them."""
    count = ctypes.c_uint32()
    if library.skein_options_key_count(kind, ctypes.byref(count), None) != 0:
        raise headers.HeaderError(f"the library knows no options of kind {kind}")
    keys = []
    for index in range(count.value):
        info = OptionInfo(struct_size=ctypes.sizeof(OptionInfo))
        if library.skein_options_key_info(kind, index, ctypes.byref(info), None) != 0:
            raise headers.HeaderError(
                f"the library does not tell key {index} of the options of kind {kind}"
            )
        keys.append(info)
    return keys


_ROW = re.compile(r"^  (\w+) +(i64|f64|str) +(\S+)  +(.*)$")


def documented_keys(doc):
    """The table of options in the comment above a function: key -> (type, default, help)."""
    keys, last, column = {}, None, 0
    for line in doc.splitlines():
        if match := _ROW.match(line):
            last, column = match.group(1), match.start(4)
            keys[last] = [match.group(2), match.group(3), match.group(4)]
        elif last and line.startswith("  ") and len(line) - len(line.lstrip()) >= min(column, 20):
            keys[last][2] += " " + line.strip()
        elif last and line.startswith("  ") and not _ROW.match(line):
            keys[last][2] += " " + line.strip()  # clang-format has wrapped the row
        else:
            last = None
    return keys


def option_kind(constant, declarations, library):
    """One kind of options, as the headers describe and the library lists it: the two have to agree."""
    documented, taken_by = {}, []
    for function in declarations.functions:
        if constant.name in function.doc:
            documented.update(documented_keys(function.doc))
            taken_by.append(function.name)
    keys = []
    for info in library_keys(library, int(constant.expression)):
        key = info.key.decode()
        if key not in documented or documented[key][0] != OPTION_TYPES[info.type]:
            raise headers.HeaderError(
                f"option {key} of {constant.name}: no row of its type in the headers"
            )
        row = {"key": key, "type": OPTION_TYPES[info.type], "default": documented.pop(key)}
        row["help"] = row["default"][2]
        row["default"] = None if row["default"][1] == "-" else row["default"][1].strip('"')
        if info.type != 3:
            row["min"], row["max"] = number(info.min_value, info.type), number(
                info.max_value, info.type
            )
        keys.append(row)
    if documented:
        raise headers.HeaderError(
            f"{constant.name}: the library does not know {sorted(documented)}"
        )
    functions = [name.strip() for name in constant.doc.split(",")]
    return {
        "kind": int(constant.expression),
        "name": constant.name[len("SKEIN_OPTIONS_") :],
        "constant": constant.name,
        "taken_by": functions,
        "keys": keys,
    }


def number(value, option_type):
    """A bound of an option, without a fraction where it is an integer; None: no bound."""
    if value in (float("inf"), float("-inf")):
        return None
    return int(value) if option_type == 1 else value


def api(library_path):
    """All of the ABI as JSON values."""
    declarations = headers.read(INCLUDE / "skein", host_headers())
    places = layouts(declarations)
    library = ctypes.CDLL(str(library_path))
    version = ".".join(
        str(places[f"SKEIN_VERSION_{part}"][0]) for part in ("MAJOR", "MINOR", "PATCH")
    )
    kinds = [
        constant
        for constant in declarations.constants
        if constant.name.startswith("SKEIN_OPTIONS_")
    ]
    exported = set(SYMBOLS.read_text(encoding="utf-8").split())
    declared = {function.name for function in declarations.functions}
    if exported != declared:
        raise headers.HeaderError(
            f"headers and tests/abi/symbols.txt differ: {sorted(exported ^ declared)}"
        )
    return {
        "version": version,
        "headers": declarations.docs,
        "aliases": declarations.aliases,
        "handles": [{"name": name, "release": f"{name}_release"} for name in declarations.handles],
        "callbacks": [
            {
                "name": row.name,
                "doc": row.doc,
                "parameters": [vars(parameter) for parameter in row.parameters],
            }
            for row in declarations.callbacks
        ],
        "constants": constant_rows(declarations, places),
        "structs": struct_rows(declarations, places),
        "functions": function_rows(declarations),
        "options": [option_kind(constant, declarations, library) for constant in kinds],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", required=True, type=pathlib.Path, help="the built libskein.so")
    parser.add_argument(
        "--check", action="store_true", help="compare with the file instead of writing it"
    )
    arguments = parser.parse_args()
    try:
        text = json.dumps(api(arguments.library.resolve()), indent=1, ensure_ascii=False) + "\n"
    except headers.HeaderError as error:
        print(f"extract.py: {error}", file=sys.stderr)
        return 1
    if not arguments.check:
        RESULT.write_text(text, encoding="utf-8")
        return 0
    found = RESULT.read_text(encoding="utf-8") if RESULT.exists() else ""
    if found == text:
        return 0
    difference = difflib.unified_diff(
        found.splitlines(),
        text.splitlines(),
        "api.json",
        "the headers and the library",
        lineterm="",
        n=1,
    )
    print("\n".join(list(difference)[:60]))
    print(
        "bindings/api/api.json is not what the headers say; to renew it, run "
        "bindings/api/extract.py --library LIBSKEIN"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
