"""Reads the headers of the C ABI: comments, constants, types, structs and functions.

The headers are regular: one declaration a statement, a comment above it or behind it, no macros in
types. What is not of this form is an error that names the line. What the parts mean, such as which
parameter is a buffer, is in roles.py.
"""

import re
from dataclasses import dataclass, field


class HeaderError(Exception):
    """A header is not of the form that is read here."""


@dataclass
class Parameter:
    name: str
    type: str


@dataclass
class Function:
    name: str
    returns: str
    parameters: list
    header: str
    doc: str


@dataclass
class Field:
    name: str
    type: str
    array: str  # the length as it is written; "" for a single value
    doc: str


@dataclass
class Struct:
    name: str
    header: str
    doc: str
    fields: list = field(default_factory=list)


@dataclass
class Constant:
    name: str
    expression: str
    group: int  # constants without an empty line between them are of one group
    header: str
    doc: str


@dataclass
class Declarations:
    """All that the headers declare, in their order."""

    docs: dict = field(default_factory=dict)  # header: what its file comment says
    constants: list = field(default_factory=list)
    handles: list = field(default_factory=list)
    aliases: dict = field(default_factory=dict)  # name: type
    callbacks: list = field(default_factory=list)
    structs: list = field(default_factory=list)
    functions: list = field(default_factory=list)
    # ("struct" or "function", name) in order, because a function may refer to the struct above it.
    order: list = field(default_factory=list)


_TYPE = r"(?:const )?\w+(?: ?\*)*"
_PARAMETER = re.compile(rf"^({_TYPE}) ?(\w+)$")
_FIELD = re.compile(rf"^({_TYPE}) (\w+)(?:\[(\w+)\])?;$")
_FUNCTION = re.compile(rf"^SKEIN_API ({_TYPE}) ?(skein_\w+)\((.*)\);$")
_CALLBACK = re.compile(r"^typedef void \(\*(skein_\w+)\)\((.*)\);$")
_HANDLE = re.compile(r"^typedef struct (skein_\w+)_t\* (skein_\w+);$")
_ALIAS = re.compile(r"^typedef (\w+) (skein_\w+);$")
_DEFINE = re.compile(r"^#define (SKEIN_\w+) +(.+)$")


def _prose(lines):
    """Lines of a comment as text: without slashes, and with one space of indentation less."""
    stripped = [re.sub(r"^// ?", "", line.strip()) for line in lines]
    return "\n".join(line.rstrip() for line in stripped).strip("\n")


def _split_comment(line):
    """A line as its code and the comment behind it."""
    code, slashes, comment = line.partition("//")
    return code.rstrip(), (slashes + comment).rstrip()


def _parameters(text, where):
    if text in ("", "void"):
        return []
    parameters = []
    for part in text.split(","):
        match = _PARAMETER.match(part.strip())
        if not match:
            raise HeaderError(f'{where}: parameter "{part.strip()}"; expected a type and a name')
        parameters.append(Parameter(match.group(2), match.group(1).replace(" *", "*")))
    return parameters


class _Reader:
    """Reads one header into `out`."""

    def __init__(self, name, text, out):
        self.name, self.lines, self.out = name, text.splitlines(), out
        self.at = 0
        self.comment = []  # lines of the comment above what is read
        self.doc = ""  # of the declaration above, for those that follow it without an empty line
        self.group = len(out.constants)

    def fail(self, what):
        raise HeaderError(f"{self.name}:{self.at}: {what}")

    def read(self):
        while self.at < len(self.lines) and self.lines[self.at].startswith("//"):
            self.comment.append(self.lines[self.at])
            self.at += 1
        self.out.docs[self.name] = _prose(self.comment)
        self.comment = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            self.line(line)

    def line(self, line):
        if not line:
            self.comment, self.doc = [], ""
            self.group += 1
        elif line.startswith("//"):
            self.comment.append(line)
        elif line.startswith("#define"):
            self.define(line)
        elif (
            line.startswith("#if defined(_WIN32)")
            or line.startswith("#if !defined(SKEIN_API)")
            or line.startswith("#if defined(__cplusplus)")
        ):
            self.skip_conditional()
        elif line.startswith("#") or line in ("SKEIN_EXTERN_C_BEGIN", "SKEIN_EXTERN_C_END"):
            pass
        elif line.startswith("typedef struct") and line.endswith("{"):
            self.struct(line)
        else:
            self.statement(line)

    def skip_conditional(self):
        """What depends on the compiler declares nothing of the ABI."""
        depth = 1
        while depth > 0:
            if self.at >= len(self.lines):
                self.fail("#if without #endif")
            line = self.lines[self.at]
            self.at += 1
            depth += line.startswith("#if") - line.startswith("#endif")

    def take_doc(self):
        if self.comment:
            self.doc = _prose(self.comment)
        self.comment = []
        return self.doc

    def define(self, line):
        if re.match(r"^#define SKEIN_\w+_H_$", line):
            return
        while line.endswith("\\"):
            line = line[:-1].rstrip() + " " + self.lines[self.at].strip()
            self.at += 1
        code, comment = _split_comment(line)
        match = _DEFINE.match(code)
        if not match:
            self.fail(f'"{code}"; expected #define SKEIN_NAME VALUE')
        lines = [comment] if comment else []
        while self.at < len(self.lines) and re.match(r"^ +//", self.lines[self.at]):
            lines.append(self.lines[self.at])
            self.at += 1
        doc = " ".join(_prose(lines).split()) or self.take_doc()
        self.comment = []
        self.out.constants.append(
            Constant(match.group(1), match.group(2), self.group, self.name, doc)
        )

    def struct(self, line):
        match = re.match(r"^typedef struct (skein_\w+) \{$", line)
        if not match:
            self.fail(f'"{line}"; expected typedef struct skein_NAME {{')
        struct = Struct(match.group(1), self.name, self.take_doc())
        above, behind = [], False
        while self.at < len(self.lines):
            code, comment = _split_comment(self.lines[self.at])
            indentation = len(self.lines[self.at]) - len(self.lines[self.at].lstrip())
            self.at += 1
            if code.startswith("}"):
                if code != f"}} {struct.name};":
                    self.fail(f'"{code}"; expected }} {struct.name};')
                self.out.structs.append(struct)
                self.out.order.append(("struct", struct.name))
                return
            if not code:
                if not comment:
                    above, behind = [], False
                elif behind and indentation > 2:
                    struct.fields[-1].doc += " " + _prose([comment])
                else:
                    above.append(comment)
                    behind = False
                continue
            match = _FIELD.match(code.strip())
            if not match:
                self.fail(f'field "{code.strip()}"; expected TYPE NAME; or TYPE NAME[LENGTH];')
            behind = bool(comment)
            doc = " ".join(_prose(above + ([comment] if comment else [])).split())
            type_name = match.group(1).replace(" *", "*")
            struct.fields.append(Field(match.group(2), type_name, match.group(3) or "", doc))
            above = []
        self.fail(f"struct {struct.name} has no end")

    def statement(self, line):
        code, _ = _split_comment(line)
        while not code.endswith(";"):
            if self.at >= len(self.lines):
                self.fail(f'"{code}"; expected a ;')
            code += " " + _split_comment(self.lines[self.at])[0].strip()
            self.at += 1
        doc, where = self.take_doc(), f"{self.name}:{self.at}"
        if match := _FUNCTION.match(code):
            returns, name, parameters = match.groups()
            self.out.functions.append(
                Function(
                    name, returns.replace(" *", "*"), _parameters(parameters, where), self.name, doc
                )
            )
            self.out.order.append(("function", name))
        elif match := _CALLBACK.match(code):
            self.out.callbacks.append(
                Function(match.group(1), "void", _parameters(match.group(2), where), self.name, doc)
            )
        elif match := _HANDLE.match(code):
            self.out.handles.append(match.group(2))
        elif match := _ALIAS.match(code):
            self.out.aliases[match.group(2)] = match.group(1)
        else:
            self.fail(f'"{code}"; expected a function, a type or a constant')


def read(folder, names):
    """Reads the headers called `names`, in this order."""
    out = Declarations()
    for name in names:
        _Reader(name, (folder / name).read_text(encoding="utf-8"), out).read()
    return out
