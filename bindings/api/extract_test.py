"""The extractor on headers that it must understand, and on those that it must refuse."""

import pathlib
import tempfile
import unittest

import extract
import headers
import roles


def declarations(text):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "x.h").write_text(
            "// A header.\n#ifndef SKEIN_X_H_\n#define SKEIN_X_H_\n\n" + text
        )
        return headers.read(pathlib.Path(folder), ["x.h"])


HANDLE = "typedef struct skein_stream_t* skein_stream;\ntypedef int32_t skein_status;\n\n"


def rows_of(text):
    found = declarations(HANDLE + text)
    return {row["name"]: row for row in roles.parameters(found.functions[-1], found)}


class HeadersTest(unittest.TestCase):
    def test_a_comment_belongs_to_the_field_above_if_it_continues_it(self):
        text = "// Two numbers.\ntypedef struct skein_pair {\n  int32_t a;  // first\n     // and more\n"
        pair = declarations(text + "  // the second\n  int32_t b[4];\n} skein_pair;\n").structs[0]
        self.assertEqual(
            [(field.name, field.doc) for field in pair.fields],
            [("a", "first and more"), ("b", "the second")],
        )
        self.assertEqual(pair.fields[1].array, "4")
        self.assertEqual(pair.doc, "Two numbers.")

    def test_functions_without_a_line_between_share_a_comment(self):
        text = (
            "// Both.\nSKEIN_API int32_t skein_a(int32_t a);\nSKEIN_API int32_t skein_b(void);\n\n"
        )
        found = declarations(text + "SKEIN_API skein_status skein_c(void);\n").functions
        self.assertEqual([function.doc for function in found], ["Both.", "Both.", ""])

    def test_what_is_not_of_the_form_is_refused_with_its_line(self):
        for text in (
            "struct skein_pair;\n",
            "typedef struct skein_pair {\n  int a : 3;\n} skein_pair;\n",
            "#define SKEIN_A\n",
        ):
            with self.assertRaisesRegex(headers.HeaderError, r"^x\.h:\d+: "):
                declarations(text)


class RolesTest(unittest.TestCase):
    def test_a_buffer_has_its_capacity_and_its_size(self):
        rows = rows_of(
            "SKEIN_API skein_status skein_tokens(skein_stream stream, skein_token* tokens,\n"
            "                                    uint64_t capacity, uint64_t* count,\n"
            "                                    skein_error* error);\n"
        )
        self.assertEqual(rows["tokens"]["role"], "buffer")
        self.assertEqual(
            (rows["tokens"]["capacity"], rows["tokens"]["size"]), ("capacity", "count")
        )
        self.assertEqual(rows["capacity"]["of"], "tokens")
        self.assertEqual(rows["error"]["role"], "error")

    def test_the_comment_says_what_may_be_null(self):
        rows = rows_of(
            "// `a` (a name) may be NULL.\n"
            "SKEIN_API skein_status skein_f(const char* a, const char* b);\n"
        )
        self.assertEqual((rows["a"]["nullable"], rows["b"]["nullable"]), (True, False))

    def test_a_name_in_the_comment_that_is_no_parameter_is_refused(self):
        with self.assertRaisesRegex(headers.HeaderError, "no parameter"):
            rows_of("// `c` may be NULL.\nSKEIN_API skein_status skein_f(const char* a);\n")

    def test_an_array_of_structs_is_of_the_nearest_struct_above(self):
        text = "typedef struct skein_eval_item {\n  int32_t status;  // written by the call\n"
        text += "} skein_eval_item;\n\n"
        function = (
            "SKEIN_API skein_status skein_eval(void* items, uint32_t item_size, uint32_t count);\n"
        )
        rows = rows_of(text + function)
        self.assertEqual(
            (rows["items"]["element"], rows["items"]["direction"]), ("skein_eval_item", "inout")
        )
        with self.assertRaisesRegex(headers.HeaderError, "no struct for the array `items`"):
            rows_of(function)

    def test_what_has_no_rule_is_refused(self):
        for parameter in (
            "void* thing",
            "const float* values",
            "char** names",
            "float* values, uint64_t capacity",
        ):
            with self.assertRaises((headers.HeaderError, KeyError)):
                rows_of(f"SKEIN_API skein_status skein_f({parameter});\n")


class PublicHeadersTest(unittest.TestCase):
    def test_everything_that_is_declared_has_a_comment(self):
        public = headers.read(extract.INCLUDE / "skein", extract.host_headers())
        declared = public.functions + public.structs + public.constants + public.callbacks
        bare = [one.name for one in declared if not one.doc]
        # `struct_size` and `reserved` mean the same wherever they stand; base.h says it.
        bare += [
            f"{struct.name}.{field.name}"
            for struct in public.structs
            for field in struct.fields
            if not field.doc and field.name not in ("struct_size", "reserved")
        ]
        self.assertEqual(bare, [])


if __name__ == "__main__":
    unittest.main()
