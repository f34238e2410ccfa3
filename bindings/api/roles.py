"""What the parameters and fields of the ABI are for: direction, owner, and what belongs together.

Types and names tell most of it, by the rules of skein/base.h. What may be NULL is in the comments:
"`name` may be NULL" (or "`name`, which may be NULL", "`name` (...) may be NULL", "`name` is NULL")
of a parameter, "may be NULL" or "NULL:" of a field. A field that the call writes says "written by
the call"; an array in a field gives its length as "[num_tokens]". A parameter for which there is no
rule is an error, so that a new function is either understood or refused.
"""

import re

from headers import HeaderError

# The scalars of the ABI.
SCALARS = {
    "int32_t": "i32",
    "uint32_t": "u32",
    "int64_t": "i64",
    "uint64_t": "u64",
    "float": "f32",
    "double": "f64",
    "skein_status": "i32",
    "skein_token": "u32",
    "char": "byte",
    "void": "byte",
}


def _nullable_names(doc):
    prose = " ".join(doc.split())
    names = re.findall(r"`\*?(\w+)`(?: \([^)]*\)|, which)? may be NULL", prose)
    return set(names) | set(re.findall(r"`(\w+)` (?:is )?NULL\b", prose))


def _element_struct(name, function, declarations):
    """The struct of an untyped array: the nearest above whose name ends like the array's."""
    above = declarations.order[: declarations.order.index(("function", function.name))]
    ending = name[:-1]
    for kind, struct in reversed(above):
        if kind == "struct" and struct.endswith("_" + ending):
            return struct
    raise HeaderError(
        f"{function.name}: no struct for the array `{name}`; "
        f"expected one called skein_..._{ending} above"
    )


class _Roles:
    """Gives each parameter of a function its row, from the first to the last."""

    def __init__(self, function, declarations):
        self.function, self.declarations = function, declarations
        self.parameters = function.parameters
        self.nullable = _nullable_names(function.doc)
        self.structs = {struct.name for struct in declarations.structs}
        self.callbacks = {callback.name for callback in declarations.callbacks}
        self.rows = {}

    def result_behind(self, parameter, *names):
        """The number that the call writes, of one of these names, behind a parameter."""
        for candidate in self.parameters[self.parameters.index(parameter) :]:
            if candidate.name in names and candidate.type in ("uint64_t*", "uint32_t*"):
                return candidate
        return None

    def next_to(self, parameter, distance=1):
        at = self.parameters.index(parameter) + distance
        return self.parameters[at] if at < len(self.parameters) else None

    def set(self, parameter, role, direction="in", **more):
        row = {"name": parameter.name, "type": parameter.type, "direction": direction, "role": role}
        row.update({key: value for key, value in more.items() if value is not None})
        if "nullable" not in more and (
            parameter.type.endswith("*") or role in ("options", "callback")
        ):
            row["nullable"] = parameter.name in self.nullable or role in ("error", "context")
        self.rows[parameter.name] = row

    def rows_in_order(self):
        for parameter in self.parameters:
            if parameter.name not in self.rows:
                self.decide(parameter)
        unknown = self.nullable - {parameter.name for parameter in self.parameters}
        if unknown:
            raise HeaderError(
                f"{self.function.name}: may be NULL, but is no parameter: {sorted(unknown)}"
            )
        return [self.rows[parameter.name] for parameter in self.parameters]

    def decide(self, parameter):
        type_name = parameter.type
        base = type_name.replace("const ", "").rstrip("*")
        follower = self.next_to(parameter)
        if type_name == "skein_error*":
            self.set(parameter, "error", "out", owner="caller")
        elif type_name == "skein_options" and not self.function.name.startswith("skein_options_"):
            self.set(parameter, "options", handle=type_name)
        elif type_name in self.declarations.handles:
            self.set(
                parameter,
                "handle",
                handle=type_name,
                nullable=self.function.name.endswith("_release"),
            )
        elif type_name in self.callbacks:
            self.set(parameter, "callback")
        elif "*" not in type_name:
            self.set(parameter, "value", scalar=SCALARS[base])
        elif base == "void" and follower and follower.name.endswith("_size"):
            self.struct_array(parameter, follower)
        elif not type_name.startswith("const") and follower and follower.name.endswith("capacity"):
            self.buffer(parameter, follower)
        elif type_name == "const char*" and not (follower and follower.name.endswith("_bytes")):
            self.set(parameter, "string")
        elif type_name.startswith("const"):
            self.array(parameter, follower)
        elif type_name == "void*" and parameter.name == "argument":
            self.set(parameter, "context")
        elif base in self.declarations.handles:
            self.set(parameter, "new_handle", "out", handle=base, owner="caller")
        elif base in self.structs:
            self.set(parameter, "struct", "out", struct=base, owner="caller")
        elif base in SCALARS and base not in ("char", "void"):
            self.set(parameter, "result", "out", scalar=SCALARS[base], owner="caller")
        else:
            raise HeaderError(
                f"{self.function.name}: no rule for the parameter {type_name} {parameter.name}"
            )

    def array(self, parameter, length):
        if length is None or "*" in length.type:
            raise HeaderError(f"{self.function.name}: `{parameter.name}` has no length behind it")
        base = parameter.type.replace("const ", "").rstrip("*")
        element = base if base in self.declarations.handles else SCALARS[base]
        self.set(parameter, "array", length=length.name, element=element)
        self.set(length, "length", of=parameter.name)

    def buffer(self, parameter, capacity, element=None):
        base = parameter.type.rstrip("*")
        if element is None:
            element = base if base in self.structs else SCALARS[base]
        prefix = capacity.name[: -len("capacity")]
        size = self.result_behind(capacity, *([prefix + "bytes"] if prefix else ["size", "count"]))
        if size is None:
            raise HeaderError(
                f"{self.function.name}: the buffer `{parameter.name}` has no size; see skein/base.h"
            )
        row = {"capacity": capacity.name, "size": size.name, "element": element, "owner": "caller"}
        self.set(parameter, "buffer", "out", nullable=True, **row)  # with capacity 0
        self.set(capacity, "capacity", of=parameter.name)
        self.set(size, "size", "out", of=parameter.name, owner="caller")

    def struct_array(self, parameter, element_size):
        struct = _element_struct(parameter.name, self.function, self.declarations)
        length = self.next_to(element_size)
        if length.name == "capacity":
            self.buffer(parameter, length, struct)
        else:
            direction = "in" if parameter.type.startswith("const") else "inout"
            self.set(parameter, "array", direction, length=length.name, element=struct)
            self.set(length, "length", of=parameter.name)
        self.rows[parameter.name]["element_size"] = element_size.name
        self.set(element_size, "element_size", of=parameter.name)


def parameters(function, declarations):
    """The rows of a function's parameters."""
    return _Roles(function, declarations).rows_in_order()


def _filled_by_library(struct, declarations):
    """Whether calls fill the struct as a whole: an out parameter, or an element of a buffer."""
    for function in declarations.functions:
        for row in parameters(function, declarations):
            if row["direction"] == "out" and struct.name in (
                row.get("struct"),
                row.get("element"),
                "skein_error",
            ):
                return True
    return False


def _length(field, names):
    """The length of the array that a field points to, by its comment or by the names."""
    if match := re.match(r"\[([\w, ]+)\]", field.doc):
        return match.group(1)
    for name in (f"num_{field.name}", f"{field.name}_bytes", f"{field.name}_capacity"):
        if name in names:
            return name
    return None


def fields(struct, declarations):
    """The rows of a struct's fields, without their places."""
    filled = _filled_by_library(struct, declarations)
    names = [field.name for field in struct.fields]
    rows = []
    for field in struct.fields:
        written = "written by the call" in field.doc
        direction = "out" if (filled and field.name != "struct_size") or written else "in"
        row = {"name": field.name, "type": field.type, "direction": direction}
        if field.type.endswith("*"):
            length = _length(field, names)
            if length is None and field.type != "const char*":
                raise HeaderError(
                    f"{struct.name}.{field.name}: no length; expected [LENGTH] in its comment"
                )
            row["length"] = length  # None: NUL-terminated
            row["owner"] = "caller"
        if field.type.endswith("*") or field.type in declarations.handles:
            row["nullable"] = bool(re.search(r"\b[Mm]ay be NULL|NULL:", field.doc))
        row["doc"] = field.doc
        rows.append(row)
    return rows
