#!/usr/bin/env python3
"""Writes the parts of the Rust crates that follow from bindings/api/api.json.

skein-sys/src/ffi.rs        the functions, structs and constants
skein-sys/tests/layout.rs   the sizes and offsets of the structs
skein/src/option_keys.rs    a method for each key of the options

With --check nothing is written: the files must be what would be written, and the crate skein must call every function.
"""

import json
import pathlib
import re
import sys
import textwrap

FOLDER = pathlib.Path(__file__).resolve().parent
API = FOLDER.parent / "api" / "api.json"
WIDTH = 120

SCALARS = {
    "int32_t": "i32",
    "uint32_t": "u32",
    "int64_t": "i64",
    "uint64_t": "u64",
    "float": "f32",
    "double": "f64",
    "char": "c_char",
    "void": "c_void",
}
KEYWORDS = {"type"}
HEADER = "// Written by generate.py from bindings/api/api.json.\n"


def rust_name(name):
    return name + "_" if name in KEYWORDS else name


def rust_type(c_type):
    """The type of a parameter or field: `const char*` is `*const c_char`."""
    if c_type.endswith("*"):
        target = c_type[:-1].strip()
        if target.startswith("const "):
            return "*const " + rust_type(target[len("const ") :])
        return "*mut " + rust_type(target)
    return SCALARS.get(c_type, c_type)


def constant(row):
    is_status = row["group"] == "SKEIN_"
    value = row["value"]
    text = hex(value) if value > 0xFFFF else str(value)
    return f"pub const {row['name']}: {'skein_status' if is_status else 'u32'} = {text};\n"


def handle(row):
    name = row["name"]
    return (
        f"/// What a [`{name}`] refers to.\n"
        f"#[repr(C)]\npub struct {name}_t {{\n    _opaque: [u8; 0],\n}}\n"
        f"pub type {name} = *mut {name}_t;\n\n"
    )


def callback(row):
    types = ", ".join(f"{p['name']}: {rust_type(p['type'])}" for p in row["parameters"])
    return f"/// `None` is NULL.\npub type {row['name']} = Option<unsafe extern \"C\" fn({types})>;\n\n"


def struct(row):
    lines = [f"/// `skein/{row['header']}`", "#[repr(C)]", "#[derive(Clone, Copy)]", f"pub struct {row['name']} {{"]
    for field in row["fields"]:
        of_element = rust_type(field["type"])
        of_field = f"[{of_element}; {field['array']}]" if "array" in field else of_element
        lines.append(f"    pub {rust_name(field['name'])}: {of_field},")
    return "\n".join(lines) + "\n}\n\n"


def function(row):
    parameters = [f"{rust_name(p['name'])}: {rust_type(p['type'])}" for p in row["parameters"]]
    head, tail = f"    pub fn {row['name']}(", f") -> {rust_type(row['returns'])};"
    line = head + ", ".join(parameters) + tail
    if len(line) > WIDTH:
        line = head + "\n" + "".join(f"        {parameter},\n" for parameter in parameters) + "    " + tail
    return f"    /// `skein/{row['header']}`\n{line}\n"


def ffi(api):
    text = HEADER + "\nuse std::os::raw::{c_char, c_void};\n\n"
    text += "".join(f"pub type {name} = {rust_type(of)};\n" for name, of in api["aliases"].items()) + "\n"
    text += "".join(map(constant, api["constants"])) + "\n"
    text += "".join(map(handle, api["handles"]))
    text += "".join(map(callback, api["callbacks"]))
    text += "".join(map(struct, api["structs"]))
    return text + 'extern "C" {\n' + "\n".join(map(function, api["functions"])) + "}\n"


def layout(api):
    text = HEADER + (
        "\n//! The structs are laid out as a C compiler does it.\n\n"
        "use skein_sys::*;\nuse std::mem::{align_of, size_of, MaybeUninit};\n\n"
        "macro_rules! offset {\n    ($type:ty, $field:ident) => {{\n"
        "        let value = MaybeUninit::<$type>::uninit();\n"
        "        // SAFETY: only the address is taken.\n"
        "        let field = unsafe { std::ptr::addr_of!((*value.as_ptr()).$field) };\n"
        "        field as usize - value.as_ptr() as usize\n    }};\n}\n"
    )
    for row in api["structs"]:
        name = row["name"]
        text += f"\n#[test]\nfn {name}_is_laid_out_as_in_c() {{\n"
        text += f"    assert_eq!(size_of::<{name}>(), {row['size']});\n"
        text += f"    assert_eq!(align_of::<{name}>(), {row['align']});\n"
        for field in row["fields"]:
            text += f"    assert_eq!(offset!({name}, {rust_name(field['name'])}), {field['offset']});\n"
        text += "}\n"
    return text


def key_doc(key):
    """The help of the headers, in which brackets and angles are no Markdown."""
    text = re.sub(r"([\[\]<>*])", r"\\\1", key["help"])
    text = text[0].upper() + text[1:]
    default = key["default"]
    if default is not None:
        shown = f'"{default}"' if key["type"] == "str" else default
        text += f". Default: {shown}"
    lines = textwrap.wrap(text + ".", WIDTH - 8 - len("/// "), break_long_words=False, break_on_hyphens=False)
    return "".join(f"        /// {line}\n" for line in lines)


def option_keys(api):
    text = HEADER + (
        "\n//! A method for each key of the options.\n\n"
        "use crate::options::*;\n\n"
        "macro_rules! keys {\n"
        "    ($options:ident { $($(#[$doc:meta])* $method:ident: $type:ident $key:literal,)* }) => {\n"
        "        /// Keys: each sets the one of its name.\n"
        "        impl $options {\n"
        "            $(\n"
        "                $(#[$doc])*\n"
        "                pub fn $method(mut self, value: impl Into<$type>) -> $options {\n"
        "                    self.0.set($key, OptionValue::from(value.into()));\n"
        "                    self\n"
        "                }\n"
        "            )*\n"
        "        }\n"
        "    };\n"
        "}\n"
    )
    types = {"i64": "i64", "f64": "f64", "str": "String"}
    for kind in api["options"]:
        if not kind["keys"]:
            continue
        text += f"\nkeys! {{\n    {kind['name'].capitalize()}Options {{\n"
        for key in kind["keys"]:
            text += key_doc(key) + f"        {rust_name(key['key'])}: {types[key['type']]} \"{key['key']}\",\n"
        text += "    }\n}\n"
    return text


def missing_calls(api):
    """The functions that no line of the crate skein calls."""
    source = "".join(path.read_text() for path in sorted((FOLDER / "skein" / "src").glob("*.rs")))
    # Handles are released by a table that names the functions alone.
    called = set(re.findall(r"\bskein_\w+", source))
    return [row["name"] for row in api["functions"] if row["name"] not in called]


def check(path, text):
    found = path.read_text() if path.exists() else None
    if found == text:
        return []
    return [f"{path.relative_to(FOLDER)} is not what bindings/api/api.json says; run bindings/rust/generate.py"]


def main():
    api = json.loads(API.read_text())
    files = {
        FOLDER / "skein-sys/src/ffi.rs": ffi(api),
        FOLDER / "skein-sys/tests/layout.rs": layout(api),
        FOLDER / "skein/src/option_keys.rs": option_keys(api),
    }
    if sys.argv[1:] == ["--check"]:
        faults = [fault for path, text in files.items() for fault in check(path, text)]
        faults += [f"{name} is called nowhere in bindings/rust/skein/src" for name in missing_calls(api)]
        print("\n".join(faults) or "as bindings/api/api.json says")
        return 1 if faults else 0
    if sys.argv[1:]:
        print(__doc__)
        return 2
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
